//! Stories: what a customer, a provider and an operator see of the running binary. `README.md` says which goes where.

mod harness;

mod notify;
mod order;
mod reply;
mod converse;
mod link;
mod users;
mod webhooks;
mod announce;
mod failure;
mod retry;
mod hooks;
mod restart;
mod crash;
mod auth;
mod requests;
mod admin;
mod check;
