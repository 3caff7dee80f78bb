//! What the stories stand on: the real binary, a customer's webhook endpoint, the provider simulator, golden files.
//!
//! Nothing here knows how the gateway is built. Stories would still pass if it were rewritten.

pub(crate) mod api;
pub(crate) mod config;
pub(crate) mod contract;
pub(crate) mod custom;
pub(crate) mod flood;
pub(crate) mod form;
pub(crate) mod gateway;
pub(crate) mod golden;
pub(crate) mod hostile;
pub(crate) mod line;
pub(crate) mod load;
pub(crate) mod matching;
pub(crate) mod open_loop;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod receiver;
pub(crate) mod redis;
pub(crate) mod redis_server;
pub(crate) mod rig;
pub(crate) mod scene;
pub(crate) mod signing;
pub(crate) mod simulator;
pub(crate) mod wait;

pub(crate) use config::Config;
pub(crate) use form::Form;
pub(crate) use golden::Golden;
pub(crate) use rig::Rig;
pub(crate) use wait::eventually;

/// The store a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Embedded,
    Redis,
}

/// Makes each named story (`async fn(Engine)`) one test per engine.
macro_rules! on_both_engines {
    ($($story:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $story() { super::$story(crate::harness::Engine::Embedded).await; })+
        }
        mod redis {
            $(#[tokio::test]
            async fn $story() { super::$story(crate::harness::Engine::Redis).await; })+
        }
    };
}
pub(crate) use on_both_engines;
