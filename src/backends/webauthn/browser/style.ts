/** How the card looks: calm, by the system's font, dark or light as the person has it. */
export const CARD_STYLE = `
:host { color-scheme: light dark; display: block;
  --ink: light-dark(#1d2625, #e8eceb); --soft: light-dark(#5b6765, #9aa7a4); --line: light-dark(#dfe5e3, #34403d); --card: light-dark(#ffffff, #1b2321);
  --well: light-dark(#f4f7f6, #131a18); --accent: light-dark(#22665a, #7cc9b6); --on-accent: light-dark(#ffffff, #0f1d1a); --bad: light-dark(#a43a2e, #f0998c); --shade: light-dark(rgb(0 0 0 / .22), rgb(255 255 255 / .22)); }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.card { max-width: 36rem; margin: 0 auto; background: var(--card); color: var(--ink); border: 1px solid var(--line); border-radius: 16px; overflow: hidden;
  box-shadow: 0 1px 2px rgb(0 0 0 / .05), 0 12px 32px rgb(0 0 0 / .07); font: 16px/1.5 system-ui, sans-serif; }
header { display: flex; gap: .6rem; align-items: center; justify-content: space-between; padding: .8rem 1.5rem; border-bottom: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
.brand { font-weight: 650; color: var(--ink); letter-spacing: .02em; }
.link::before { content: ''; display: inline-block; width: .55em; height: .55em; margin-right: .5em; border-radius: 50%; background: var(--soft); }
.link[data-on=true]::before { background: var(--accent); }
.waiting { margin-left: auto; padding: .05rem .6rem; border-radius: 1rem; background: var(--well); border: 1px solid var(--line); }
.bar { height: 3px; background: var(--accent); transform-origin: left; opacity: .55; }
.body { padding: 1.5rem; }
h1 { margin: 0 0 .25rem; font-size: 1.375rem; line-height: 1.25; font-weight: 620; text-wrap: balance; }
h1:focus { outline: none; }
p { margin: 0; }
.explanation { color: var(--soft); text-wrap: pretty; }
dl { display: grid; grid-template-columns: minmax(6.5rem, max-content) 1fr; gap: .5rem 1.25rem; margin: 1.25rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: 4px; }
strong, code { unicode-bidi: isolate; }
strong { display: block; max-height: 4.5em; overflow: auto; }
code, pre { font: .875em/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
summary { cursor: pointer; border-radius: 6px; }
summary:focus-visible, button:focus-visible, pre:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
details > code { display: block; margin-top: .25rem; color: var(--soft); }
summary::marker { color: var(--soft); font-size: .8em; }
figure { margin: 1.25rem 0 0; }
figcaption { color: var(--soft); font-size: .875rem; margin-bottom: .4rem; }
pre { margin: 0; padding: .85rem 1rem; max-height: 36vh; overflow: auto; white-space: break-spaces; overflow-wrap: anywhere; tab-size: 4;
  background: linear-gradient(var(--well) 40%, transparent) local top / 100% 2.5rem no-repeat, linear-gradient(transparent, var(--well) 60%) local bottom / 100% 2.5rem no-repeat,
  linear-gradient(var(--shade), transparent) top / 100% .75rem no-repeat, linear-gradient(transparent, var(--shade)) bottom / 100% .75rem no-repeat, var(--well); border: 1px solid var(--line); border-radius: 10px; }
.actions:empty { display: none; }
.actions { display: flex; gap: .75rem; justify-content: flex-end; margin-top: 1.5rem; }
button { font: inherit; font-weight: 560; min-height: 44px; min-width: 7.5rem; padding: .5rem 1.25rem; border-radius: 10px; border: 1px solid var(--line); background: transparent; color: inherit; cursor: pointer; }
button:hover:enabled { background: var(--well); }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.primary:hover:enabled { filter: brightness(1.08); }
button:disabled { opacity: .5; cursor: default; }
.status { color: var(--soft); }
.status:not(:empty) { margin-top: 1.25rem; }
.status[data-tone=touch] { color: var(--accent); font-weight: 560; }
.status[data-tone=touch]::before { content: ''; display: inline-block; width: .65em; height: .65em; margin-right: .6em; border-radius: 50%; background: currentColor; animation: breathe 1.6s ease-in-out infinite; }
.status[data-tone=bad] { color: var(--bad); }
@keyframes breathe { 50% { opacity: .25; transform: scale(.7); } }
@media (prefers-reduced-motion: reduce) { .status::before { animation: none !important; } }
@media (max-width: 30rem) { .body { padding: 1.25rem; } header { padding: .7rem 1.25rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .6rem; } .actions button { flex: 1; min-width: 0; } }
`

/** The page around it, where it is ours. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; background: light-dark(#eef2f1, #0f1513); }
body { margin: 0; padding: clamp(.75rem, 8vw - 1rem, 4.5rem) .75rem 1.5rem; min-height: 100dvh; box-sizing: border-box; }
`
