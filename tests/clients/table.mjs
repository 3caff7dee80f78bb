// The compatibility tables: a row for each method of a client, made of what was seen, shown in README.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

import { path } from './record.mjs';

const README = new URL('../../README.md', import.meta.url);

const rows = new Map();

class Row {
    constructor(name, isIn) {
        Object.assign(this, { name, isIn, requests: new Set(), results: new Set() });
    }

    saw(call, result) {
        this.requests.add(`${call.verb} ${path(call)}`);
        this.results.add(result);
    }

    // The one request it is: that with an app's key is that with the account's without the app.
    get request() {
        const [long, short, ...more] = [...this.requests].sort((a, b) => b.length - a.length);
        assert.equal(more.length, 0, `${this.name}: ${[...this.requests].join(', ')}`);
        if (!short) return long;
        assert.equal(long.replace('/apps/{app}', ''), short, this.name);
        return long.replace('/apps/{app}', '[/apps/{app}]');
    }

    get cells() {
        assert.equal(this.results.size, 1, `${this.name} is always answered the same: ${[...this.results].join(', ')}`);
        const [name, of] = this.name.split(': ');
        const [result] = this.results;
        const [verb, path] = this.request.split(' ').map((word) => `\`${word}\``);
        return [`\`${name}\`${of ? `, ${of}` : ''}`, verb, path, this.isIn ? 'in' : 'out', result];
    }
}

// The row of this name.
export function row(name, isIn = true) {
    if (!rows.has(name)) rows.set(name, new Row(name, isIn));
    assert.equal(rows.get(name).isIn, isIn, `${name} is either in scope or out of it`);
    return rows.get(name);
}

// The methods that have a row.
export const named = () => new Set([...rows.keys()].map((name) => name.split(': ')[0]));

// The table, in the order of the client's methods.
export function table(client, methods) {
    const place = (one) => methods.indexOf(one.name.split(': ')[0]);
    const sorted = [...rows.values()].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
    const whole = sorted.filter((one) => !one.name.includes(': '));
    const within = whole.filter((one) => one.isIn).length;
    return [
        `All ${methods.length} methods of ${client}: ${within} in scope, which all work, `
            + `${whole.length - within} out of it, refused.`,
        '',
        '| method | verb | path | scope | answer |',
        '|---|---|---|---|---|',
        ...sorted.map((one) => `| ${one.cells.join(' | ')} |`),
        '',
    ].join('\n');
}

// Holds README to the table between these marks; with `HELIOGRAPH_BLESS=1` writes it there.
export function compare(seen, mark) {
    const [begin, end] = [`<!-- seen by ${mark} -->\n`, `<!-- as seen by ${mark} -->\n`];
    const page = readFileSync(README, 'utf8');
    const [before, rest, ...more] = page.split(begin);
    const [shown, after] = (rest ?? '').split(end);
    assert.ok(after !== undefined && more.length === 0, `README has one ${begin.trim()} and one ${end.trim()}`);
    if (process.env.HELIOGRAPH_BLESS === '1') {
        writeFileSync(README, before + begin + seen + end + after);
    } else {
        assert.equal(shown, seen, 'README shows what was seen; HELIOGRAPH_BLESS=1 rewrites it');
    }
}
