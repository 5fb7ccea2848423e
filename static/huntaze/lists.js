/* On a phone the rows of a table become cards, for which each cell has to know what its column is called. */
(() => {
    const nameOf = (head) => (head.querySelector("input") ? "" : (head.querySelector(".text") || head).textContent.trim());

    const saysNothing = (cell) => !cell.querySelector("a, button, input") && ["", "-"].includes(cell.textContent.trim());

    const name = (table) => {
        const heads = [...table.querySelectorAll(":scope > thead > tr:first-child > th")];
        if (!heads.length || table.classList.contains("hz-keep")) return;
        for (const row of table.querySelectorAll(":scope > tbody > tr")) {
            if (row.cells.length !== heads.length) continue;
            [...row.cells].forEach((cell, place) => {
                cell.dataset.label = nameOf(heads[place]);
                cell.toggleAttribute("data-blank", saysNothing(cell));
            });
        }
        table.classList.add("hz-cards");
    };

    const nameAll = () => document.querySelectorAll("#result_list, table.hz-table").forEach(name);
    document.addEventListener("DOMContentLoaded", nameAll);
    document.addEventListener("htmx:afterSettle", nameAll);
})();
