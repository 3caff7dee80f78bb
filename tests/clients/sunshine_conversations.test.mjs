// The vendor's client of v2, unmodified, against a running gateway: every method it has, and only its base URL changed.
//
// Each method has its cases under sunshine/; this file runs them all, demands that none is missing, and holds README's
// table to what was seen.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { allMethods } from './sunshine.mjs';
import { compare, named, table } from './table.mjs';

const folder = new URL('./sunshine/', import.meta.url);
for (const file of readdirSync(folder).sort()) await import(new URL(file, folder));

const main = createRequire(import.meta.url).resolve('sunshine-conversations-client');
const { version } = JSON.parse(readFileSync(`${main.split('/dist/')[0]}/package.json`));

test('every method of the client has a case, every case a method, and README shows what came of each', () => {
    const methods = allMethods();
    assert.deepEqual([...named()].sort(), [...methods].sort());
    compare(table(`\`sunshine-conversations-client\` ${version}`, methods), 'tests/clients of v2');
});
