"""How the page looks: one column on a phone, cards side by side where there is room, dark where the reader is."""

from __future__ import annotations

SHADES = 9
"""Of `heat1` to `heat9` for cells and signs, `miss1` to `miss9` likewise; 0 is none."""

_LOOK = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1b2130; --soft: #5b6475; --edge: #dde1e8;
  --one: #2f6fde; --two: #d9662b; --three: #7a52c7; --four: #13867c; --five: #a8690b;
  --good: #1d7f4e; --bad: #c22f3d; --warn: #fff1d6; --warn-mark: #d9a300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12151b; --card: #1b2029; --ink: #e6e9ef; --soft: #9aa4b5; --edge: #313947;
    --one: #6ea2ff; --two: #ff9a5c; --three: #b594ff; --four: #4fd0c3; --five: #e8b04a;
    --good: #5ccb92; --bad: #ff7a85; --warn: #43340f; --warn-mark: #e0b93c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 16px; max-width: 1240px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.5rem; margin: 8px 0 0; }
h2 { font-size: 1.15rem; margin: 32px 0 8px; }
h3 { font-size: 1rem; margin: 0 0 8px; }
table + h3, .scroll + h3, .card + h3 { margin-top: 12px; }
p { margin: 4px 0; }
.soft { color: var(--soft); }
.good { color: var(--good); }
.bad { color: var(--bad); font-weight: 600; }
.warning { background: var(--warn); border-radius: 8px; padding: 10px 14px; margin: 12px 0; font-weight: 600; }
.cards { columns: 350px 3; column-gap: 12px; margin-top: 12px; }
.card, .scroll { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; }
.card { padding: 12px 14px; margin-bottom: 12px; break-inside: avoid; }
.card .scroll { border: 0; border-radius: 0; }
.scroll { overflow-x: auto; }
figure { margin: 0; }
figcaption { font-weight: 600; margin-bottom: 4px; }
svg { display: block; width: 100%; height: auto; max-width: 560px; }
svg text { fill: var(--soft); font-size: 10.5px; }
svg .name { fill: var(--ink); font-size: 11px; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .grid { stroke: var(--edge); stroke-width: 1; }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .area { fill-opacity: .55; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: .82rem; color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 5px; }
svg .one { fill: var(--one); } svg .two { fill: var(--two); } svg .three { fill: var(--three); }
svg .four { fill: var(--four); } svg .five { fill: var(--five); } svg .truth { fill: var(--ink); }
svg .event { fill: var(--bad); } svg .alarm { fill: var(--warn-mark); } svg .rule { fill: none; stroke: var(--bad); }
svg .rule, svg .dashed { stroke-dasharray: 4 3; }
svg .band { fill-opacity: .2; } svg .dot { fill-opacity: .65; }
svg .line.one { fill: none; stroke: var(--one); }
svg .line.two { fill: none; stroke: var(--two); }
svg .line.three { fill: none; stroke: var(--three); }
svg .line.four { fill: none; stroke: var(--four); }
svg .line.five { fill: none; stroke: var(--five); }
svg .line.truth { fill: none; stroke: var(--ink); }
svg .line.dashed { stroke-width: 1.3; } svg .line.thin { stroke-width: 1; }
.legend .one { background: var(--one); } .legend .two { background: var(--two); }
.legend .three { background: var(--three); } .legend .four { background: var(--four); }
.legend .five { background: var(--five); } .legend .truth { background: var(--ink); }
.legend .event, .legend .rule { background: var(--bad); } .legend .alarm { background: var(--warn-mark); }
.legend .dashed { background: repeating-linear-gradient(90deg, var(--hue) 0 3px, transparent 3px 5px); }
.one { --hue: var(--one); } .two { --hue: var(--two); } .three { --hue: var(--three); }
.four { --hue: var(--four); } .five { --hue: var(--five); }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--edge); }
tbody tr:last-child > * { border-bottom: 0; }
thead th {
  color: var(--soft); font-weight: 500; vertical-align: bottom; white-space: normal; overflow-wrap: normal;
}
th:first-child { text-align: left; position: sticky; left: 0; background: var(--card); font-weight: 500; }
tbody th { max-width: 46vw; white-space: normal; min-width: 150px; }
.card table { font-size: .83rem; }
.card th, .card td { padding: 4px 5px; }
.card th:first-child { padding-left: 0; }
.card tbody th { min-width: 0; white-space: nowrap; }
.card .dense { font-size: .78rem; } .card .dense td, .card .dense th { padding: 4px 3px; }
.card .dense th:first-child { white-space: normal; padding-left: 0; }
.words { text-align: left; } td.words { white-space: normal; min-width: 180px; }
.listed tbody th { min-width: 0; }
@media (max-width: 500px) { .listed th, .listed td { padding: 4px 5px; font-size: .8rem; } }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 0; font-size: .88rem; }
dt { color: var(--soft); } dd { margin: 0; }
@media print, (min-width: 800px) { .pairs dl { grid-template-columns: auto 1fr auto 1fr; } }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 12px; }
.figures > div { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 8px 14px; }
.figures b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.figures span { display: block; font-size: .82rem; color: var(--soft); }
.wide { margin-top: 12px; }
.text { font: .9rem/1.7 ui-monospace, monospace; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
nav { margin: 8px 0; font-size: .9rem; } a { color: var(--one); }
footer { margin: 32px 0 8px; font-size: .85rem; color: var(--soft); }
@media print {
  :root {
    color-scheme: light; --ground: #fff; --card: #fff; --ink: #000; --soft: #444; --edge: #bbb;
    --one: #2f6fde; --two: #d9662b; --three: #7a52c7; --four: #13867c; --five: #a8690b;
    --good: #1d7f4e; --bad: #c22f3d; --warn: #fff1d6; --warn-mark: #d9a300;
  }
  body { max-width: none; padding: 0; font-size: 11px; print-color-adjust: exact; }
  .cards { columns: 230px; } .card, .sample, tr, figure { break-inside: avoid; }
  h2, h3, h2 + p { break-after: avoid; }
  .cards:has(.dense) { columns: 320px; } .pairs { break-inside: auto; }
  .scroll { overflow: visible; } th, td { padding: 2px 5px; } .card th, .card td { padding: 2px 3px; }
  th:first-child { position: static; }
}
"""


def _shade(name: str, colour: str) -> str:
    return "".join(
        f".{name}{n} {{ background: color-mix(in srgb, var(--{colour}) {8 * n}%, transparent); }}\n"
        for n in range(1, SHADES + 1)
    )


CSS = _LOOK + _shade("heat", "one") + _shade("miss", "two")
