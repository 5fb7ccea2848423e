"""Who logs in to the demo; read by what serves it as well, which knows no Django."""

PASSWORD = "huntaze-demo"  # noqa: S105 - printed on purpose; refused wherever DEBUG is off
STAFF = {
    "finance@huntaze.test": ("Fiona Finance", "Finance"),
    "operations@huntaze.test": ("Omar Operations", "Operations"),
    "support@huntaze.test": ("Sora Support", "Support"),
    "readonly@huntaze.test": ("Rita Readonly", "Read only"),
}
LOG_INS = f"Log in as admin@huntaze.test, {', '.join(STAFF)}; password: {PASSWORD}"
