// Follows gateway/MOVING.md as a reader does: every block in its order, in an empty folder, and what it promises.
//
// `heliograph` must be on the PATH (`tests/run` sees to it).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const PAGE = new URL('../../gateway/MOVING.md', import.meta.url);

// The ports that the page names, and what the reader finds there.
const PORTS = ['8080', '8081', '8082', '8090'];

async function eventually(what, look) {
    const deadline = Date.now() + 30_000;
    for (;;) {
        const seen = await look();
        if (seen) return seen;
        assert.ok(Date.now() < deadline, `waited in vain for ${what()}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

// Ports that are free, all different.
async function freePorts(count) {
    const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    })));
    const ports = servers.map((server) => String(server.address().port));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    return ports;
}

const answers = (port) => new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
});

// The page's blocks: the language, the text, and the paragraph before it.
function blocks(page) {
    const found = [...page.matchAll(/([^\n]*)\n\n```(\w+)\n(.*?)^```$/gms)];
    return found.map(([, before, language, text]) => ({ before, language, text }));
}

// A reader: a folder, and the terminals opened there.
class Reader {
    constructor(folder) {
        this.folder = folder;
        this.terminals = [];
    }

    run(script) {
        // A group of its own, so that a terminal is closed with all that runs in it.
        const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
            cwd: this.folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
        });
        const shown = { child, out: '', all: '' };
        child.stdout.on('data', (part) => { shown.out += part; shown.all += part; });
        child.stderr.on('data', (part) => { shown.all += part; });
        shown.ended = new Promise((resolve) => child.once('close', resolve));
        this.terminals.push(shown);
        return shown;
    }

    // Runs it to its end, which must be a good one.
    async finish(script) {
        const shown = this.run(script);
        const code = await shown.ended;
        assert.equal(code, 0, `${script}\n${shown.all}`);
        return shown.out;
    }

    async close() {
        for (const { child, ended } of this.terminals.reverse()) {
            if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGTERM');
            await ended;
        }
        await rm(this.folder, { recursive: true });
    }
}

test('the page is followed as it stands', async (t) => {
    const ports = await freePorts(PORTS.length);
    const named = new RegExp(`\\b(${PORTS.join('|')})\\b`, 'g');
    const moved = (text) => text.replace(named, (told) => ports[PORTS.indexOf(told)]);
    const reader = new Reader(await mkdtemp(join(tmpdir(), 'moving-')));
    t.after(() => reader.close());
    let own;
    let last;
    for (const { before, language, text } of blocks(moved(await readFile(PAGE, 'utf8')))) {
        if (language === 'text') {
            const lines = (shown) => shown.trim().split('\n').sort();
            await eventually(() => `${text}and not\n${own.all}`, () => lines(own.out).join() === lines(text).join());
        } else if (language !== 'sh') {
            const [, name] = text.match(/^(?:#|\/\/) (\S+)\n/);
            await writeFile(join(reader.folder, name), text);
        } else if (before.endsWith('terminal of its own:')) {
            own = reader.run(text);
            const port = ports[text.includes('heliograph serve') ? 0 : 3];
            await eventually(() => `${text}${own.all}`, () => answers(port));
        } else {
            last = await reader.finish(text);
        }
    }
    assert.match(last, /delivered/, 'the trace');
    assert.match(last, /\n\S+ +\S+ +1 +1 +0 /, 'the audit: one accepted, one delivered, none failed');
});
