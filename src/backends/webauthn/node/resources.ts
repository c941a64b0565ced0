import { pageScript } from './page-script.ts'

/** What is served at a path. */
export interface Resource {
  readonly type: string
  readonly body: string | Uint8Array
}

/** All that is served. Rejects with `not-available` where the page's script was not built. */
export async function pageResources(): Promise<ReadonlyMap<string, Resource>> {
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: HTML }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: await pageScript() }],
  ])
}

/**
 * Nothing runs but the page's own script, it connects to nowhere but here, and no other site has it in a frame. Styles are made by that script, as objects, which
 * needs no leave.
 */
export const HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy': [
    "default-src 'none'", "script-src 'self'", "connect-src 'self'", 'img-src data:', "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; '),
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
})

const ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Ccircle cx='16' cy='16' r='15' fill='%232f6f5e'/%3E%3Ccircle cx='12' cy='16' r='4.5' fill='none' stroke='white' stroke-width='2.6'/%3E%3Cpath d='M16.5 16H26M23 16v4' stroke='white' stroke-width='2.6'/%3E%3C/svg%3E"

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>ipse</title>
<link rel="icon" href="${ICON}">
<script type="module" src="/page.js"></script>
</head>
<body><noscript>This page needs JavaScript.</noscript></body>
</html>
`
