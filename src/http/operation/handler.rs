//! Handlers: functions of arguments, each taken from the request in the order of the signature. Called by `operation`.
//! Never catches anything: the first argument that cannot be had answers the request.

use std::future::Future;

use actix_web::HttpResponse;

use super::{answer::Answer, argument::Argument, context::Context, signature::Signature};
use crate::http::problem::Problem;

/// An async function from arguments to an answer or a problem.
pub trait Handler<Args>: Clone + 'static {
    /// Whether it takes a body.
    const HAS_BODY: bool;

    /// What its types tell.
    fn describe(signature: &mut Signature);

    /// Takes the arguments, spends the rate, and runs.
    fn serve(self, context: Context) -> impl Future<Output = Result<HttpResponse, Problem>> + 'static;
}

macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<F, Served, R, $($argument,)*> Handler<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Served + Clone + 'static,
            Served: Future<Output = Result<R, Problem>> + 'static,
            R: Answer,
            $($argument: Argument,)*
        {
            const HAS_BODY: bool = false $(|| $argument::HAS_BODY)*;

            fn describe(signature: &mut Signature) {
                $($argument::describe(signature);)*
                signature.successes = R::describe(&mut signature.schemas);
            }

            #[allow(non_snake_case, reason = "arguments are named after their types")]
            async fn serve(self, mut context: Context) -> Result<HttpResponse, Problem> {
                $(let $argument = $argument::take(&mut context).await?;)*
                context.spend().await?;
                self($($argument),*).await?.respond()
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);
handlers!(A B C D E);
handlers!(A B C D E G);
handlers!(A B C D E G H);
handlers!(A B C D E G H I);
