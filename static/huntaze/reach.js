// What the theme lets a mouse do, a keyboard and a screen reader can do as well.
(() => {
    const ICON = ".material-symbols-outlined";
    const PRESSED = "[x-on\\:click]:not(a[href], button, input, select, textarea, summary, #changelist-filter-close)";
    const REACHED = "a[href], button, input:not([type=hidden]), select, textarea, [tabindex='0']";
    // What shows no words needs some.
    const WORDS = [
        ["[x-on\\:click='sidebarToggle()']", "Menu"],
        ["[x-on\\:click='handleClear()']", "Clear the search"],
        ["[x-on\\:click='openTheme = !openTheme']", "Light or dark"],
        ["[x-on\\:click='showActions = !showActions']", "More actions"],
        ["[x-ref^='relatedWidgetWrapper']", "Add, change or view"],
        ["#command-submit, #searchbar-submit", "Search"],
        ["#nav-sidebar a[href]:has(> span:only-child)", "Today"],
    ];

    const each = (root, selector, act) => {
        if (root.matches(selector)) act(root);
        root.querySelectorAll(selector).forEach(act);
    };

    const labelOf = (id) => document.querySelector(`label[for="${CSS.escape(id)}"]`)?.textContent.trim().replace(/\*$/, "");

    // A field in a table is called as its column.
    const columnOf = (field) => {
        const cell = field.closest("td");
        return cell?.closest("table").querySelectorAll(":scope > thead > tr:first-child > th")[cell.cellIndex]?.textContent.trim();
    };

    const nameField = (field) => {
        if (field.labels?.length || field.hasAttribute("aria-label")) return;
        const part = /^(.+)_[01]$/.exec(field.id);
        const name = (part && labelOf(part[1])) || columnOf(field);
        const which = field.matches(".vDateField, .vTimeField") ? field.placeholder.toLowerCase() : "";
        if (name || which) field.setAttribute("aria-label", [name, which].filter(Boolean).join(", "));
    };

    // The list that completes what is typed stands in for a field whose name it does not take.
    const nameChoice = (choice) => {
        const field = choice.closest(".select2")?.previousElementSibling;
        const name = field && (labelOf(field.id) || columnOf(field));
        if (!name) return;
        const shown = choice.querySelector(".select2-selection__rendered");
        choice.setAttribute("aria-label", name);
        choice.removeAttribute("aria-labelledby");
        shown?.setAttribute("aria-label", name);
        choice.querySelector(".select2-search__field")?.setAttribute("aria-label", name);
    };

    const tend = (root) => {
        each(root, PRESSED, (one) => {
            one.setAttribute("role", "button");
            one.tabIndex = 0;
        });
        for (const [selector, word] of WORDS) each(root, selector, (one) => one.setAttribute("aria-label", word));
        each(root, ICON, (icon) => {
            if (!icon.hasAttribute("aria-label")) icon.setAttribute("aria-hidden", "true");
        });
        each(root, "td input:not([type=hidden]), td select, td textarea, .vDateField, .vTimeField", nameField);
        each(root, ".select2-selection", nameChoice);
        each(root, ".help-tooltip[aria-label]", (sign) => sign.setAttribute("role", "img"));
    };

    const opened = (control) => {
        if (control.matches(".filter-open-button")) return document.getElementById("changelist-filter");
        const field = control.getAttribute("x-ref")?.replace(/^relatedWidgetWrapper/, "related-widget-wrapper-");
        return (field && document.getElementById(field)) || control.parentElement.querySelector(":scope > nav[x-show]");
    };

    // Who opens something with a key goes on in it, and comes back from it with Escape.
    const press = (control) => {
        control.click();
        const panel = opened(control);
        if (!panel) return;
        panel.opener = control;
        requestAnimationFrame(() => requestAnimationFrame(() => {
            if (panel.checkVisibility())
                [...panel.querySelectorAll(REACHED)].find((one) => one.checkVisibility())?.focus();
        }));
    };

    const leave = (panel) => {
        if (!panel?.opener) return;
        if (panel.matches("nav") && panel.checkVisibility()) panel.opener.click();
        panel.opener.focus();
    };

    const hear = (event) => {
        if (event.key === "Escape") leave(event.target.closest("nav[x-show], #changelist-filter"));
        if (!["Enter", " "].includes(event.key) || !event.target.matches(PRESSED)) return;
        event.preventDefault();
        press(event.target);
    };

    document.addEventListener("DOMContentLoaded", () => {
        tend(document.body);
        new MutationObserver((changes) => {
            for (const { addedNodes } of changes)
                for (const node of addedNodes) if (node instanceof Element) tend(node);
        }).observe(document.body, { childList: true, subtree: true });
        document.addEventListener("keydown", hear);
    });
})();
