// A field of organizations offers those that fit what is typed, however many there are.
(() => {
    const PAUSE_MS = 250;

    const offer = async (field) => {
        const query = new URLSearchParams({ ...JSON.parse(field.dataset.complete), term: field.value });
        const answer = await fetch(`/admin/autocomplete/?${query}`);
        if (!answer.ok) return;
        const { results } = await answer.json();
        field.list.replaceChildren(...results.map(({ id, text }) => new Option(text, id)));
    };

    document.addEventListener("DOMContentLoaded", () => {
        for (const field of document.querySelectorAll("input[data-complete]")) {
            let waiting;
            field.addEventListener("input", () => {
                clearTimeout(waiting);
                if (field.value) waiting = setTimeout(offer, PAUSE_MS, field);
            });
        }
    });
})();
