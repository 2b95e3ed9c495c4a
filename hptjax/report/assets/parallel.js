// Parallel coordinates: an axis a line from left to right, so that names can be read at any width;
// a line down through them for each trial. Dragging along an axis keeps the trials in that range.
"use strict";
const STEP = 60, TOP = 34, SIDE = 22;  // pixels

function parallel(host) {
  const spec = JSON.parse(host.querySelector("script").textContent);
  const chart = {spec, host, ranges: spec.axes.map(() => null)};
  chart.count = host.appendChild(element("div", "yname"));
  chart.plot = host.appendChild(element("div", "plot"));
  new ResizeObserver(() => {
    if (chart.plot.clientWidth !== chart.width) drawParallel(chart);
  }).observe(chart.plot);
}

const heightOf = k => TOP + k * STEP;
const within = (chart, trial) => chart.ranges.every((range, k) => {
  const at = chart.spec.axes[k].at[trial];
  return !range || (at >= range[0] && at <= range[1]);
});

function drawParallel(chart) {
  const {spec, plot} = chart, width = chart.width = plot.clientWidth;
  if (!width) return;
  plot.replaceChildren();
  const height = heightOf(spec.axes.length - 1) + 32;
  const svg = shape(plot, "svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "parallel coordinates"});
  chart.x = at => SIDE + at * (width - 2 * SIDE);
  chart.lines = spec.names.map((name, trial) => {
    const points = spec.axes.map((axis, k) => `${chart.x(axis.at[trial]).toFixed(1)} ${heightOf(k)}`);
    const goodness = (trial + 1) / spec.names.length;  // they are sorted, the best is the last
    const line = shape(svg, "path", {d: `M${points.join("L")}`, stroke: spec.colors[trial], class: "trial"});
    line.style.setProperty("--ink", (0.18 + 0.77 * goodness ** 3).toFixed(2));
    shape(line, "title", {}, name);
    return line;
  });
  spec.axes.forEach((axis, k) => drawAxis(chart, svg, axis, k));
  select(chart);
}

function drawAxis(chart, svg, axis, k) {
  const y = heightOf(k), width = chart.width, own = shape(svg, "g", {class: "axis rail"});
  shape(own, "line", {x1: SIDE, x2: width - SIDE, y1: y, y2: y, class: "ruler"});
  shape(own, "text", {x: SIDE, y: y - 9, class: "name"}, axis.label);
  let end = -Infinity;
  for (const [at, text] of axis.ticks) {
    const x = chart.x(at), half = text.length * 3.4;
    shape(own, "line", {x1: x, x2: x, y1: y - 3, y2: y + 3, class: "ruler"});
    if (x - half < end) continue;  // it would lie over the one before
    const anchor = x - half < 0 ? "start" : x + half > width ? "end" : "middle";
    shape(own, "text", {x: anchor === "start" ? 0 : anchor === "end" ? width : x, y: y + 15, "text-anchor": anchor}, text);
    end = x + half + 6;
  }
  const chosen = shape(own, "rect", {y: y - 6, height: 12, x: 0, width: 0, class: "range"});
  const band = shape(own, "rect", {x: 0, y: y - 14, width, height: 28, class: "band"});
  chart.marks = Object.assign(chart.marks ?? [], {[k]: chosen});
  brush(chart, band, k);
}

function brush(chart, band, k) {
  let from = null;
  const at = event => {
    const x = event.clientX - chart.plot.getBoundingClientRect().left;
    return Math.min(1, Math.max(0, (x - SIDE) / (chart.width - 2 * SIDE)));
  };
  band.onpointerdown = event => { from = at(event); band.setPointerCapture(event.pointerId); };
  band.onpointermove = event => {
    if (from === null) return;
    const to = at(event), slack = 4 / chart.width;
    chart.ranges[k] = [Math.min(from, to) - slack, Math.max(from, to) + slack];
    select(chart);
  };
  band.onpointerup = event => {
    if (Math.abs(at(event) - from) * chart.width < 4) chart.ranges[k] = null;  // a click frees it
    from = null;
    select(chart);
  };
}

function select(chart) {
  let count = 0;
  chart.lines.forEach((line, trial) => {
    const kept = within(chart, trial);
    count += kept;
    line.classList.toggle("out", !kept);
  });
  chart.ranges.forEach((range, k) => {
    const [low, high] = range ? range.map(at => Math.min(1, Math.max(0, at))) : [0, 0];
    chart.marks[k].setAttribute("x", chart.x(low));
    chart.marks[k].setAttribute("width", chart.x(high) - chart.x(low));
  });
  const all = chart.lines.length, some = chart.ranges.some(Boolean);
  chart.count.textContent = some ? `${count} of ${all} trials are in all ranges` : `${all} trials; drag along an axis to choose a range of it, click it to let go`;
}

document.querySelectorAll("div.parallel").forEach(parallel);
