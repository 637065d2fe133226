/* Draws each chart live in place of its picture. Whatever fails, the picture stays. */
(() => {
  "use strict";
  const NARROW = 600; // px; below it a legend at the side leaves no room for the data

  function fitted(spec, width) {
    const compound = ["facet", "repeat", "concat", "hconcat", "vconcat"].some((key) => key in spec) ||
      ["row", "column", "facet"].some((key) => spec.encoding && key in spec.encoding);
    if (compound) return spec; // drawn at its own size and scaled by the style sheet
    const config = { ...spec.config };
    if (width < NARROW) {
      config.legend = { ...config.legend, orient: "bottom", direction: "vertical", columns: 1 };
      const most = Math.round(0.38 * width); // long names are cut short, in full under the pointer
      const cut = (key, value) => (key === "labelLimit" && value > most ? most : value);
      spec = JSON.parse(JSON.stringify(spec), cut);
    }
    return { ...spec, config, width: "container", autosize: { type: "fit-x", contains: "padding" } };
  }

  async function draw(plot) {
    const live = document.createElement("div");
    live.className = "live";
    plot.append(live);
    try {
      const spec = JSON.parse(plot.querySelector("script").textContent);
      await window.vegaEmbed(live, fitted(spec, plot.clientWidth), {
        mode: "vega-lite", renderer: "svg", actions: false,
        ast: true, // the page's policy forbids turning text into code, so Vega interprets its expressions instead
      });
      plot.dataset.drawn = "live";
    } catch {
      live.remove();
      plot.dataset.drawn = "still";
    }
  }

  async function drawAll() {
    const plots = [...document.querySelectorAll(".plot")];
    for (const plot of plots) await draw(plot);
    document.documentElement.dataset.charts = `${plots.filter((p) => p.dataset.drawn === "live").length} of ${plots.length}`;
  }

  drawAll();
})();
