"use strict";
// Every row is in the page. Here they are taken out, and those that are looked for are put back, a part at a time.
(() => {
  const STEP = 200;
  const element = (id) => document.getElementById(id);
  const body = document.querySelector("#results tbody");
  const heads = [...document.querySelectorAll("#results th")];
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const value = (text) => {  // 7, 17:05 and 1:02:03 as numbers; what is none is after all that are
    if (!/^[\d:]+$/.test(text)) return Infinity;
    return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  };
  const rows = [...body.rows].map((row, at) => {
    const cells = [...row.cells].map((cell) => cell.textContent.trim());
    const found = fold([cells[1], cells[2], cells[3]].join(" "));
    return { row, at, cells, found, category: cells[6], wave: cells[8] };
  });
  let order = rows, wanted = rows, many = STEP;

  function show() {
    body.replaceChildren(...wanted.slice(0, many).map((each) => each.row));
    element("more").hidden = wanted.length <= many;
    const seen = Math.min(many, wanted.length);
    element("count").textContent =
      wanted.length === 0 ? "Nobody is found." : `${seen.toLocaleString()} of ${wanted.length.toLocaleString()} shown`;
  }
  function find() {
    const words = fold(element("text").value).split(/\s+/).filter(Boolean);
    const category = element("category").value, wave = element("wave").value;
    wanted = order.filter((each) =>
      (!category || each.category === category) && (!wave || each.wave === wave) &&
      words.every((word) => /^\d+$/.test(word) ? each.cells[1] === word : each.found.includes(word)));
    many = STEP;
    show();
  }
  function sort(column) {
    const head = heads[column], up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const compare = head.dataset.sort === "number"
      ? (a, b) => (a = value(a), b = value(b), a === b ? 0 : a === Infinity ? 1 : b === Infinity ? -1 : up ? a - b : b - a)
      : (a, b) => a === b ? 0 : !a ? 1 : !b ? -1 : (up ? 1 : -1) * collator.compare(a, b);
    order = [...rows].sort((a, b) => compare(a.cells[column], b.cells[column]) || a.at - b.at);
    find();
  }
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => sort(column)));
  for (const name of ["text", "category", "wave"]) element(name).addEventListener("input", find);
  element("find").addEventListener("submit", (event) => event.preventDefault());
  element("more").addEventListener("click", () => { many += 5 * STEP; show(); });
  element("find").hidden = false;
  show();
})();
