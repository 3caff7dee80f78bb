// Which operations of the OpenAPI documents no story was answered as it should be: node unasked.mjs FILE, where FILE
// lists those that were. Of two shapes of a path one is enough. Fails when there are any.

import { readFileSync } from 'node:fs';

const seen = new Set(readFileSync(process.argv[2], 'utf8').split('\n').map(long));

// A path without the app in it means that of the key.
function long(line) {
    return line.replace(/^(\w+ \/v1(?:\.1)?)\/(?:apps\/\{app\}\/)?/, '$1/');
}

const unasked = ['v1.1', 'v2', 'admin'].flatMap((name) => {
    const { paths } = JSON.parse(readFileSync(new URL(`../../gateway/openapi/${name}.json`, import.meta.url)));
    return Object.entries(paths).flatMap(([path, item]) => Object.entries(item)
        .filter(([, { responses }]) => Object.keys(responses).some((status) => status < 300))
        .map(([method]) => `${method.toUpperCase()} ${path}`));
}).filter((line) => !seen.has(long(line)) && !['GET /healthz', 'GET /readyz', 'GET /metrics'].includes(line));

if (unasked.length > 0) {
    console.error(`no story asks for\n${unasked.join('\n')}`);
    process.exit(1);
}
console.log('every operation was asked for');
