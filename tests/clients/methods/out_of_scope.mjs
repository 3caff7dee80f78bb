// What belongs to payments and to channels that are not among ours: not there, and said so.

import { refused } from '../harness.mjs';

refused('stripe.getAccount', 404, 'not_found', ({ api }) => api.stripe.getAccount());

refused('appUsers.stripe.updateCustomer', 404, 'not_found', async (world) =>
    world.api.appUsers.stripe.updateCustomer((await world.user())._id, 'fake-token'));

refused('appUsers.stripe.createTransaction', 404, 'not_found', async (world) =>
    world.api.appUsers.stripe.createTransaction((await world.user())._id, '5e1f438bf99fb467810c0aff', 'fake-token'));

refused('appUsers.viber.getQRCode', 404, 'not_found', async (world) =>
    world.api.appUsers.viber.getQRCode((await world.user())._id));

refused('appUsers.wechat.getQRCode', 404, 'not_found', async (world) =>
    world.api.appUsers.wechat.getQRCode((await world.user())._id));
