//! A table of routes: a line says method, pattern, whom the route is for, and who answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};
use http::Method;

use super::gate::{self, Access, Gate};
use super::{Api, cors, once};

/// What the patterns of an app's routes begin with.
const OF_APP: &str = "/apps/{app}";

/// Routes, in the order they were written.
pub(super) struct Table {
    version: &'static str,
    shapes: Shapes,
    rows: Vec<Row>,
}

/// How what lies inside an app may be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shapes {
    /// With the app in the path, or without it by a key of that app.
    Both,
    /// With the app in the path alone.
    Long,
}

/// One method at one path.
struct Row {
    method: Method,
    path: String,
    access: Access,
    is_of_app: bool,
    route: MethodRouter<Arc<Api>>,
}

impl Table {
    /// An empty table; what is added stands under this prefix.
    pub(super) fn at(version: &'static str, shapes: Shapes) -> Table {
        Table { version, shapes, rows: Vec::new() }
    }

    /// What is added from here on stands under this prefix.
    pub(super) fn then_at(self, version: &'static str) -> Table {
        Table { version, ..self }
    }

    /// The routes of both.
    pub(super) fn and(mut self, other: Table) -> Table {
        self.rows.extend(other.rows);
        self
    }

    /// `GET`
    pub(super) fn get<H, T>(self, pattern: &str, access: Access, handler: H) -> Table
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        self.with(Method::GET, pattern, access, routing::get(handler))
    }

    /// `POST`, which takes an `Idempotency-Key`
    pub(super) fn post<H, T>(self, pattern: &str, access: Access, handler: H) -> Table
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        self.with(Method::POST, pattern, access, routing::post(handler))
    }

    /// `PUT`
    pub(super) fn put<H, T>(self, pattern: &str, access: Access, handler: H) -> Table
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        self.with(Method::PUT, pattern, access, routing::put(handler))
    }

    /// `PATCH`
    pub(super) fn patch<H, T>(self, pattern: &str, access: Access, handler: H) -> Table
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        self.with(Method::PATCH, pattern, access, routing::patch(handler))
    }

    /// `DELETE`
    pub(super) fn delete<H, T>(self, pattern: &str, access: Access, handler: H) -> Table
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        self.with(Method::DELETE, pattern, access, routing::delete(handler))
    }

    fn with(mut self, method: Method, pattern: &str, access: Access, route: MethodRouter<Arc<Api>>) -> Table {
        let inside = pattern.strip_prefix(OF_APP);
        let short = inside.filter(|rest| rest.starts_with('/') && self.shapes == Shapes::Both);
        for pattern in std::iter::once(pattern).chain(short) {
            self.rows.push(Row {
                method: method.clone(),
                path: format!("{}{pattern}", self.version),
                access,
                is_of_app: inside.is_some() || access.implies_app(),
                route: route.clone(),
            });
        }
        self
    }

    /// The paths that a person's token opens, and to which methods.
    fn for_pages(&self) -> BTreeMap<String, Vec<Method>> {
        let mut paths = BTreeMap::<String, Vec<Method>>::new();
        for row in self.rows.iter().filter(|row| row.access == Access::AppOrUser) {
            paths.entry(row.path.clone()).or_default().push(row.method.clone());
        }
        paths
    }

    /// Method, pattern and access of every route, in both shapes where there are two.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Method, &str, Access)> {
        self.rows.iter().map(|row| (&row.method, row.path.as_str(), row.access))
    }

    /// The routes, each behind its gate. Of those for a person's token a browser may ask first.
    pub(super) fn router(self, api: &Arc<Api>) -> Router<Arc<Api>> {
        let mut router = Router::new();
        for (path, methods) in self.for_pages() {
            router = router.route(&path, cors::asked(&methods));
        }
        for Row { path, access, is_of_app, route, .. } in self.rows {
            if access == Access::Anybody {
                router = router.route(&path, route);
                continue;
            }
            let gate = Gate { api: api.clone(), access, is_of_app };
            let route = route
                .route_layer(from_fn_with_state(api.clone(), once::guard))
                .route_layer(from_fn_with_state(gate, gate::pass));
            router = router.route(&path, route);
        }
        router
    }
}
