// Before the first paint, so that nothing flashes: a classic script, which the browser runs at once.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "auto";
