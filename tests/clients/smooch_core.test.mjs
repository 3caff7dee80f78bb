// The vendor's own client, unmodified, against a running gateway: every method it has, and only its base URL changed.
//
// Each method has its cases under methods/; this file runs them all, demands that none is missing, and holds README's
// table to what was seen.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { account } from './harness.mjs';
import { allMethods } from './record.mjs';
import { compare, named, table } from './table.mjs';

const folder = new URL('./methods/', import.meta.url);
for (const file of readdirSync(folder).sort()) await import(new URL(file, folder));

test('every method of the client has a case, every case a method, and README shows what came of each', () => {
    const methods = allMethods(account);
    assert.deepEqual([...named()].sort(), [...methods].sort());
    compare(table(`\`smooch-core\` ${account.VERSION}`, methods), 'tests/clients');
});
