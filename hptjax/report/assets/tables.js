// Tables: a click on a head sorts, words and conditions filter; on a narrow window a row is a card,
// whose cells name their columns.
"use strict";
const keyOf = (row, k) => row.cells[k].dataset.key ?? row.cells[k].textContent.trim();

function sortBy(table, k, up) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], sign = up ? 1 : -1;
  heads.forEach(head => head.removeAttribute("aria-sort"));
  heads[k].setAttribute("aria-sort", up ? "ascending" : "descending");
  const number = !heads[k].classList.contains("text");
  const compare = (a, b) => ((a === "") - (b === "")) ||  // what is missing stays last
    sign * (number ? a - b : a.localeCompare(b, undefined, {numeric: true}));
  body.append(...[...body.rows].sort((a, b) => compare(keyOf(a, k), keyOf(b, k))));
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const turn = k => sortBy(table, k, heads[k].getAttribute("aria-sort") !== "ascending");
  const list = document.querySelector(`select[data-sort="${table.id}"]`);
  heads.forEach((head, k) => {
    head.tabIndex = 0;
    head.onclick = () => turn(k);
    head.onkeydown = event => { if (event.key === "Enter") turn(k); };
    if (list) list.append(new Option(`${head.textContent}, lowest first`, `${k} 1`), new Option(`${head.textContent}, highest first`, `${k} 0`));
  });
  if (list) list.onchange = () => { const [k, up] = list.value.split(" ").map(Number); sortBy(table, k, up === 1); };
}

// What a row must be: `lr<0.01` compares a column, any other word must stand in it.
function conditionOf(word, names) {
  const found = /^(.+?)(<=|>=|=|<|>)(.+)$/.exec(word);
  const k = found ? names.indexOf(found[1]) : -1;
  if (k < 0) return row => row.textContent.toLowerCase().includes(word);
  const [, , sign, limit] = found, number = Number(limit);
  const tests = {"<": v => v < number, ">": v => v > number, "<=": v => v <= number, ">=": v => v >= number, "=": v => v === number};
  return row => {
    const key = keyOf(row, k).toLowerCase();
    return key !== "" && (Number.isNaN(number) || Number.isNaN(Number(key)) ? sign === "=" && key === limit : tests[sign](Number(key)));
  };
}

function filterable(input) {
  const table = document.getElementById(input.dataset.filter), rows = [...table.tBodies[0].rows];
  const names = [...table.tHead.rows[0].cells].map(head => head.textContent.toLowerCase().replaceAll(" ", "_"));
  const count = document.querySelector(`[data-count="${table.id}"]`);
  input.oninput = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean).map(word => conditionOf(word, names));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every(word => word(row));
      shown += !row.hidden;
    }
    if (count) count.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  };
  input.oninput();
}

for (const table of document.querySelectorAll("table.cards")) {
  const names = [...table.tHead.rows[0].cells].map(head => head.textContent);
  for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, k) => { cell.dataset.name = names[k]; });
}
document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("input[data-filter]").forEach(filterable);
