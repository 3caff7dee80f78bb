// integrations.profile.*, integrations.messageTemplates.* and deployments.*: what WhatsApp alone has.

import assert from 'node:assert/strict';

import { PICTURE, account, fileOf, method, providerAccount, refused, rejectedWith } from '../harness.mjs';

method('integrations.profile.get', async (world) => {
    const line = await world.joined('whatsapp');
    const { profile } = world.api.integrations;
    assert.deepEqual(await profile.get(line.id), { profile: {} });
    await profile.update({ integrationId: line.id, profile: { about: 'We deliver.' } });
    assert.deepEqual(await profile.get(line.id), { profile: { about: 'We deliver.' } });
    await rejectedWith(profile.get((await world.joined('twilio')).id), 'bad_request');
});

method('integrations.profile.update', async (world) => {
    const line = await world.joined('whatsapp');
    const { profile } = world.api.integrations;
    const first = { about: 'We deliver.', email: 'shop@example.org', websites: ['https://example.org/'] };
    await profile.update({ integrationId: line.id, profile: first });
    await profile.update({ integrationId: line.id, profile: { about: 'We still deliver.' } });
    assert.deepEqual(await profile.get(line.id), { profile: { ...first, about: 'We still deliver.' } });
});

method('integrations.profile.photo.upload', async (world) => {
    const line = await world.joined('whatsapp');
    const { profile } = world.api.integrations;
    const { photoUrl } = await profile.photo.upload(line.id, await fileOf('photo.png', PICTURE));
    assert.match(photoUrl, /^http/);
    assert.equal((await profile.get(line.id)).profile.photoUrl, photoUrl);
});

const greeting = {
    name: 'greeting', language: 'en_US', category: 'UTILITY', components: [{ type: 'BODY', text: 'Hello {{1}}' }],
};

// A number whose account has one approved template.
async function approved(world) {
    const line = await world.joined('whatsapp');
    const templates = world.api.integrations.messageTemplates;
    const { messageTemplate } = await templates.create({ integrationId: line.id, messageTemplate: greeting });
    return { line, templates, messageTemplate };
}

method('integrations.messageTemplates.create', async (world) => {
    const { line, templates, messageTemplate } = await approved(world);
    assert.deepEqual([messageTemplate.name, messageTemplate.status], ['greeting', 'PENDING']);
    const { messageTemplates } = await templates.list({ integrationId: line.id, query: { name: 'greeting' } });
    assert.deepEqual(messageTemplates, [{ ...messageTemplate, status: 'APPROVED' }]);
    const { user } = await saidTo(world, line);
    const { messages } = await world.own.appUsers.getMessages(user);
    assert.equal(messages.at(-1).text, 'Hello Ada', 'the history says what the template says');
});

// The person writes, and is answered with the template.
async function saidTo(world, line) {
    await line.write('Hi');
    const user = (await world.heard('message:appUser')).appUser._id;
    const text = '&((namespace=[[fake]] template=[[greeting]] fallback=[[Hi]] language=[[en_US]] body_text=[[Ada]]))&';
    await world.own.appUsers.sendMessage(user, { role: 'appMaker', type: 'text', text });
    const [sent] = await line.received(1);
    assert.equal(sent.request.template.name, 'greeting');
    return { user };
}

method('integrations.messageTemplates.list', async (world) => {
    const { line, templates, messageTemplate } = await approved(world);
    const listed = await templates.list(line.id);
    assert.deepEqual(listed.messageTemplates, [{ ...messageTemplate, status: 'APPROVED' }]);
    assert.deepEqual((await templates.list({ integrationId: line.id, query: { name: 'no' } })).messageTemplates, []);
    await rejectedWith(templates.list((await world.joined('twilio')).id), 'bad_request');
});

method('integrations.messageTemplates.delete', async (world) => {
    const { line, templates } = await approved(world);
    assert.deepEqual(await templates.delete(line.id, 'greeting'), {});
    assert.deepEqual((await templates.list(line.id)).messageTemplates, []);
});

// A number set up for the account.
async function deployed(api) {
    const { settings } = await providerAccount('whatsapp');
    const { deployment } = await api.deployments.create({ hosting: 'smooch', ...settings });
    return { deployment, number: settings.phoneNumber.slice(1) };
}

method('deployments.create', async (world) => {
    const { deployment, number } = await deployed(world.api);
    assert.deepEqual([deployment.status, deployment.phoneNumber], ['active', number]);
    const props = { type: 'whatsapp', deploymentId: deployment._id };
    const { integration } = await world.own.integrations.create({ appId: world.appId, props });
    assert.deepEqual([integration.deploymentId, integration.status], [deployment._id, 'active']);
});

method('deployments.list', async ({ api }) => {
    const { deployment } = await deployed(api);
    const { deployments } = await api.deployments.list();
    assert.deepEqual(deployments.find((one) => one._id === deployment._id), deployment);
});

method('deployments.get', async ({ api }) => {
    const { deployment } = await deployed(api);
    assert.deepEqual((await api.deployments.get(deployment._id)).deployment, deployment);
    await rejectedWith(api.deployments.get('000000000000000000000000'), 'not_found');
});

method('deployments.delete', async ({ api }) => {
    const { deployment } = await deployed(api);
    assert.deepEqual(await api.deployments.delete(deployment._id), {});
    await rejectedWith(api.deployments.get(deployment._id), 'not_found');
});

refused('deployments.activate', 400, 'bad_request', async ({ api }) => {
    const { deployment, number } = await deployed(account);
    await api.deployments.activate(deployment._id, 'fake-certificate', number, 'sms');
});

refused('deployments.confirmCode', 400, 'bad_request', async ({ api }) => {
    const { deployment } = await deployed(account);
    await api.deployments.confirmCode(deployment._id, '123456');
});
