//! Stories: what a customer, a provider and an operator see of the running binary. `README.md` says which goes where.

mod harness;

mod admin;
mod announce;
mod auth;
mod channels;
mod check;
mod commands;
mod conservation;
mod content;
mod converse;
mod demo;
mod failure;
mod faults;
mod hooks;
mod isolation;
mod ledger;
mod limits;
mod link;
mod mail;
mod meta;
mod metrics;
mod notify;
mod once;
mod order;
mod ordering;
mod readme;
mod record;
mod reply;
mod requests;
mod restart;
mod retry;
mod users;
mod webhooks;
