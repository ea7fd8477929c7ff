"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;

  // Columns: search, order, and a first page of cards when there are many.
  const grid = document.getElementById("column-grid");
  if (grid) {
    const cards = all(".column", grid), first = matchMedia("(max-width: 760px)").matches ? 8 : 24;
    const tools = document.getElementById("column-tools"), more = document.getElementById("column-more");
    const find = tools.querySelector("input"), order = tools.querySelector("select"), found = tools.querySelector("output");
    let open = cards.length <= first + 6;
    const show = () => {
      const words = find.value.trim().toLowerCase();
      const rank = order.value === "worst" ? (c) => +c.dataset.match : (c) => +c.dataset.place;
      const sorted = [...cards].sort((a, b) => rank(a) - rank(b) || a.dataset.place - b.dataset.place);
      const hits = sorted.filter((c) => !words || c.dataset.find.includes(words));
      grid.append(...sorted);
      cards.forEach((c) => { c.hidden = true; });
      const shown = open || words ? hits : hits.slice(0, first);
      shown.forEach((c) => { c.hidden = false; });
      found.textContent = `${shown.length} of ${cards.length} shown`;
      more.hidden = shown.length === hits.length;
      more.textContent = `Show all ${cards.length} columns`;
    };
    tools.hidden = cards.length < 2;
    find.addEventListener("input", show);
    order.addEventListener("change", show);
    more.addEventListener("click", () => { open = true; show(); });
    show();
  }

  // Contents: mark where the reader is.
  const links = new Map(all("nav a").map((a) => [a.hash.slice(1), a]));
  const watch = new IntersectionObserver((seen) => seen.forEach((entry) => {
    if (!entry.isIntersecting) return;
    links.forEach((a) => a.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }), { rootMargin: "-20% 0px -70% 0px" });
  all("main section[id]").forEach((section) => watch.observe(section));

  // A link into something folded opens it, in browsers that do not do so by themselves.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    let folded = target?.closest("details:not([open])");
    if (!folded) return;
    for (; folded; folded = folded.parentElement.closest("details:not([open])")) folded.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  addEventListener("beforeprint", () => all("details").filter((d) => !d.closest(".method")).forEach((d) => { d.open = true; }));

  // Figures: Plotly lies packed in the page once; it is unpacked here and asks nothing of a network.
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = all(".plot");
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const paint = (value, key = "") => {
    if (Array.isArray(value)) return value.map((item) => paint(item, key));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, paint(v, k)]));
    const variable = /color/.test(key) && typeof value === "string" && /^var\((--[a-z-]+)\)$/.exec(value);
    return variable ? css(variable[1]) : value;
  };
  const draw = () => plots.forEach((place) => {
    const figure = paint(figures[place.dataset.figure]);
    const layout = {
      ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: css("--sans"), size: 12, color: css("--soft") },
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink") } },
      dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
    };
    place.querySelector(".wait")?.remove();
    window.Plotly.react(place, figure.data, layout, { responsive: true, displayModeBar: false });
  });
  const unpack = async () => {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };
  const done = () => { root.dataset.ready = "true"; };
  if (!plots.length) { done(); return; }
  unpack().then(() => {
    draw();
    for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", draw);
    done();
  }).catch((fault) => {
    console.error(fault);
    all(".plot .wait").forEach((p) => { p.textContent = "This browser cannot draw the figure; its numbers are in the JSON report."; });
    done();
  });
})();
