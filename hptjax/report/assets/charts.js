// Draws the page's charts as SVG: lines or points, a menu of what they are drawn against, a legend
// whose buttons hide and show. A chart is a div.chart that holds its data as JSON; see charts.py.
"use strict";
const HEIGHT = 340, NEAR = 24;  // pixels; NEAR: how far from a point it is still meant
const PICKS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#8B4FB5", "#444444"];

const element = (name, kind = "", text = "") => {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  if (text) node.textContent = text;
  return node;
};
const shape = (parent, name, attributes, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return parent.appendChild(node);
};
const compact = new Intl.NumberFormat("en", {notation: "compact", maximumFractionDigits: 2});
const show = value => {
  const size = Math.abs(value);
  if (size >= 1e4) return compact.format(value);
  return size && size < 1e-3 ? value.toExponential(1).replace(".0e", "e") : String(+value.toPrecision(4));
};
const known = value => value !== null && value !== undefined;
const groupOf = series => series.group ?? series.name;

function roundTicks(low, high, count, whole) {
  const raw = Math.max((high - low) / count, whole ? 1 : 0), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(size => size >= raw);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(k * step);
  return ticks.map(value => [value, show(+value.toPrecision(12))]);
}

function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const steps = last - first > count ? [1] : [1, 2, 5];
  let ticks = [];
  for (let k = first; k <= last; k++) ticks.push(...steps.map(m => m * 10 ** k));
  ticks = ticks.filter(tick => tick >= low * 0.999 && tick <= high * 1.001);
  const every = Math.ceil(ticks.length / Math.max(2, count));
  return ticks.filter((_, k) => k % every === 0).map(tick => [tick, show(+tick.toPrecision(6))]);
}

// An axis over some values. told: {label, log, categories, start} as far as it says.
function axisOf(values, told, count) {
  if (told.categories) {
    return {low: -0.5, high: told.categories.length - 0.5, ticks: told.categories.map((t, k) => [k, t])};
  }
  let low = Infinity, high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) [low, high] = told.log ? [0.1, 1] : [0, 1];
  if (known(told.start)) low = Math.min(low, told.start);
  if (low === high) [low, high] = told.log ? [low / 2, high * 2] : [low - (Math.abs(low) / 10 || 1), high + (Math.abs(high) / 10 || 1)];
  if (told.log) return {low: low / 1.08, high: high * 1.08, log: true, ticks: logTicks(low, high, count)};
  const edge = known(told.start) ? 0 : (high - low) * 0.04;
  return {low: low - edge, high: high + edge, ticks: roundTicks(low, high, count, told.whole)};
}

const placed = (axis, from, to) => {
  const f = axis.log ? Math.log10 : value => value, low = f(axis.low), high = f(axis.high);
  return value => from + (f(value) - low) / (high - low) * (to - from);
};

// Without the worst twentieth of the values, which would squeeze all others.
function bulk(values, goal) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q => sorted[Math.round(q * (sorted.length - 1))];
  const [low, high] = goal === "maximize" ? [at(0.05), at(1)] : [at(0), at(0.95)];
  const reach = (high - low) * 0.25;
  return goal === "maximize" ? values.filter(v => v >= low - reach) : values.filter(v => v <= high + reach);
}

function button(parent, text, pressed, act) {
  const made = parent.appendChild(element("button", "", text));
  made.type = "button";
  made.setAttribute("aria-pressed", pressed);
  made.onclick = act;
  return made;
}

function menu(parent, label, options, act) {
  const name = parent.appendChild(element("label", "", `${label} `));
  const list = name.appendChild(element("select"));
  options.forEach((text, k) => { list.appendChild(element("option", "", text)).value = k; });
  list.onchange = () => act(+list.value);
}

// The boxes of the leaderboard that are ticked: each names a curve, and keeps a colour of its own.
function picked(chart) {
  const board = chart.spec.board && document.getElementById(chart.spec.board);
  if (!board) return new Map();
  const boxes = [...board.querySelectorAll("input[data-curve]")];
  for (const box of boxes) if (!box.checked) delete box.dataset.color;
  const on = boxes.filter(box => box.checked), taken = on.map(box => box.dataset.color);
  for (const box of on) {
    if (box.dataset.color) continue;
    box.dataset.color = PICKS.find(color => !taken.includes(color)) ?? PICKS[taken.length % PICKS.length];
    taken.push(box.dataset.color);
  }
  boxes.forEach(box => { box.style.accentColor = box.dataset.color ?? ""; });
  return new Map(on.map(box => [box.dataset.curve, box.dataset.color]));
}

function toggleCurve(chart, name) {
  const boxes = document.getElementById(chart.spec.board).querySelectorAll("input[data-curve]");
  [...boxes].find(box => box.dataset.curve === name)?.click();
}

function legend(chart, view, picks) {
  chart.legend.replaceChildren();
  const groups = new Map(view.series.map(series => [groupOf(series), series]));
  for (const [group, series] of groups) {
    const entry = button(chart.legend, group, !chart.hidden.has(group), () => {
      if (!chart.hidden.delete(group)) chart.hidden.add(group);
      draw(chart);
    });
    const style = series.dash ? "dashed" : "solid";
    entry.prepend(element("i"));
    entry.firstChild.style.borderTop = `3px ${style} ${series.color}`;
  }
  for (const [name, color] of picks) {
    const entry = button(chart.legend, name, true, () => toggleCurve(chart, name));
    entry.className = "pick";
    entry.title = "click to let it go";
    entry.prepend(element("i"));
    entry.firstChild.style.borderTop = `3px solid ${color}`;
  }
}

function path(series, x, y, step) {
  let text = "", last = null;
  series.y.forEach((value, k) => {
    const at = series.x ? series.x[k] : k + 1;
    if (!known(value) || !known(at)) { last = null; return; }
    const [px, py] = [x(at).toFixed(1), y(value).toFixed(1)];
    text += last === null ? `M${px} ${py}` : step ? `H${px}V${py}` : `L${px} ${py}`;
    last = value;
  });
  return text;
}

function axes(svg, chart, view, box, x, y) {
  const grid = shape(svg, "g", {class: "axis"});
  for (const [value, text] of y.ticks) {
    const at = y.at(value).toFixed(1);
    shape(grid, "line", {x1: box.left, x2: box.right, y1: at, y2: at});
    shape(grid, "text", {x: box.left - 6, y: +at + 4, "text-anchor": "end"}, text);
  }
  for (const [value, text] of x.ticks) {
    const at = x.at(value).toFixed(1);
    shape(grid, "line", {x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4});
    const turned = box.turned ? {transform: `rotate(-28 ${at} ${box.bottom + 14})`, "text-anchor": "end"} : {"text-anchor": "middle"};
    shape(grid, "text", {x: at, y: box.bottom + 17, ...turned}, text);
  }
  const middle = (box.left + box.right) / 2;
  shape(grid, "text", {x: middle, y: box.height - 6, "text-anchor": "middle", class: "name"}, view.x.label);
}

function drawSeries(clip, chart, series, picks, x, y) {
  const {spec} = chart, color = picks.get(series.name);
  const quiet = spec.board && !color, ink = color ?? series.color;
  if (spec.kind === "lines") {
    const look = {d: path(series, x.at, y.at, spec.step), stroke: ink, class: quiet ? "quiet" : "curve", "data-name": series.name};
    shape(clip, "path", series.dash ? {...look, "stroke-dasharray": series.dash} : look);
  }
  series.y.forEach((value, k) => {
    const at = series.x ? series.x[k] : k + 1;
    if (!known(value) || !known(at)) return;
    const jitter = x.categories ? ((k * 0.618034) % 1 - 0.5) * 0.5 : 0;
    const point = {x: x.at(at + jitter), y: y.at(value), series, k, value, told: at, ink, quiet};
    chart.points.push(point);
    if (spec.kind === "points") shape(clip, "circle", {cx: point.x.toFixed(1), cy: point.y.toFixed(1), r: 3.5, fill: ink});
  });
}

function layout(width, view, yTicks) {
  const longest = Math.max(0, ...yTicks.map(([, text]) => text.length));
  const left = 14 + 7 * longest, names = view.x.categories ?? [];
  const widest = Math.max(0, ...names.map(text => text.length));
  const turned = names.length * (widest * 7 + 8) > width - left;
  const height = HEIGHT + (turned ? Math.min(90, widest * 4) : 0);
  return {left, right: width - 14, top: 10, bottom: HEIGHT - 46, height, turned};
}

function draw(chart) {
  const {spec, plot} = chart, width = plot.clientWidth, view = spec.views[chart.view];
  if (!width) return;
  const picks = picked(chart);
  legend(chart, view, picks);
  const shown = view.series.filter(series => !chart.hidden.has(groupOf(series)));
  shown.sort((a, b) => picks.has(a.name) - picks.has(b.name));
  const ys = shown.flatMap(series => series.y).filter(known), kept = bulk(ys, view.goal ?? spec.goal);
  chart.all.hidden = kept.length === ys.length;
  const y = axisOf(chart.whole ? ys : kept, {}, 6);
  const box = layout(width, view, y.ticks);
  const xs = shown.flatMap(s => s.x ?? s.y.map((_, k) => k + 1)).filter(known);
  const x = {...axisOf(xs, view.x, Math.max(3, Math.floor(width / 90))), categories: view.x.categories};
  [x.at, y.at] = [placed(x, box.left, box.right), placed(y, box.bottom, box.top)];
  plot.replaceChildren();
  const svg = shape(plot, "svg", {width, height: box.height, viewBox: `0 0 ${width} ${box.height}`, role: "img", "aria-label": `${view.y} against ${view.x.label}`});
  axes(svg, chart, view, box, x, y);
  const id = `${chart.host.id}-clip`, window_ = shape(shape(svg, "clipPath", {id}), "rect", {});
  for (const [key, value] of Object.entries({x: box.left - 4, y: box.top - 6, width: box.right - box.left + 8, height: box.bottom - box.top + 10})) window_.setAttribute(key, value);
  const clip = shape(svg, "g", {"clip-path": `url(#${id})`});
  chart.points = [];
  for (const series of shown) drawSeries(clip, chart, series, picks, x, y);
  chart.points = chart.points.filter(point => point.y >= box.top - 6 && point.y <= box.bottom + 4);
  chart.name.textContent = view.y;
  chart.mark = shape(svg, "circle", {r: 5, class: "mark", visibility: "hidden"});
}

function nearest(chart, event) {
  const frame = chart.plot.getBoundingClientRect();
  const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
  let found = null, least = NEAR ** 2;
  for (const point of chart.points ?? []) {
    const far = (point.x - px) ** 2 + (point.y - py) ** 2 + (point.quiet ? 16 : 0);
    if (far < least) [found, least] = [point, far];
  }
  return found;
}

function hover(chart, event) {
  const point = nearest(chart, event), {tip, mark} = chart, view = chart.spec.views[chart.view];
  tip.hidden = !point;
  mark?.setAttribute("visibility", point ? "visible" : "hidden");
  if (!point) return;
  for (const [key, value] of Object.entries({cx: point.x, cy: point.y, stroke: point.ink})) mark.setAttribute(key, value);
  const at = view.x.categories ? view.x.categories[point.told] : show(point.told);
  const own = point.series.text?.[point.k];
  tip.textContent = `${point.series.name}${own ? ` ${own}` : ""}\n${view.y}: ${show(point.value)}\n${view.x.label}: ${at}`;
  const right = point.x + 12 + tip.offsetWidth > chart.plot.clientWidth;
  tip.style.left = `${Math.max(0, right ? point.x - tip.offsetWidth - 12 : point.x + 12)}px`;
  tip.style.top = `${Math.max(0, point.y - tip.offsetHeight - 10)}px`;
}

function start(host) {
  const spec = JSON.parse(host.querySelector("script").textContent);
  const chart = {spec, host, view: 0, hidden: new Set(), whole: false};
  const bar = host.appendChild(element("div", "controls"));
  const names = spec.views.map(view => view.label);
  if (names.length > 1) menu(bar, spec.menu, names, k => { chart.view = k; draw(chart); });
  chart.all = button(bar, "all values", false, () => {
    chart.whole = !chart.whole;
    chart.all.setAttribute("aria-pressed", chart.whole);
    draw(chart);
  });
  chart.all.title = "also the worst ones, which squeeze the others";
  chart.name = host.appendChild(element("div", "yname"));
  const frame = host.appendChild(element("div", "frame"));
  chart.plot = frame.appendChild(element("div", "plot"));
  chart.tip = frame.appendChild(element("div", "tip"));
  chart.tip.hidden = true;
  chart.legend = host.appendChild(element("div", "legend"));
  chart.plot.onpointermove = event => hover(chart, event);
  chart.plot.onpointerleave = () => { chart.tip.hidden = true; chart.mark?.setAttribute("visibility", "hidden"); };
  if (spec.board) {
    document.getElementById(spec.board)?.addEventListener("change", () => draw(chart));
    chart.plot.onclick = event => { const point = nearest(chart, event); if (point) toggleCurve(chart, point.series.name); };
  }
  let width = 0;
  new ResizeObserver(() => { if (chart.plot.clientWidth !== width) { width = chart.plot.clientWidth; draw(chart); } }).observe(chart.plot);
}

document.querySelectorAll("div.chart").forEach(start);
