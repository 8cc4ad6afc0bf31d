//! WASI 0.2 with nothing in it, for components whose language brings it along: clocks and random numbers are
//! real, what is printed goes to the plugin's log, and there are no files, no sockets and no environment.
//!
//! What a component imports of it is read from the component itself, so that every 0.2.x links. A function that
//! is not in `real` answers by its type: no elements, none, an error, a handle to nothing. Where no type says
//! "nothing", calling it ends the call by a trap that names the function.

mod empty;
mod real;
mod stdio;

pub(super) use stdio::{Stdio, Stream};

use wasmtime::{
    StoreContextMut,
    component::{Component, Linker, LinkerInstance, Val, types::ComponentItem},
};

use super::host::State;
use empty::{Empty, take_handles};
use real::Real;

/// Whether an import is a part of WASI that is linked here.
pub(super) fn is_import(name: &str) -> bool {
    name.starts_with("wasi:") && name.contains("@0.2.")
}

/// Defines what `component` imports of WASI.
pub(super) fn link(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine();
    let kind = component.component_type();
    for (name, import) in kind.imports(engine).filter(|(name, _)| is_import(name)) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(engine) {
            define(&mut instance, name, item, export.ty)?;
        }
    }
    Ok(())
}

fn define(
    instance: &mut LinkerInstance<'_, State>,
    interface: &str,
    name: &str,
    item: ComponentItem,
) -> wasmtime::Result<()> {
    match item {
        ComponentItem::ComponentFunc(function) => {
            let absent = Absent(format!("{interface}#{name}"));
            let unversioned = interface.split_once('@').map_or(interface, |(unversioned, _)| unversioned);
            match (Real::find(unversioned, name), Empty::of_results(function.results())) {
                (Some(real), _) => instance.func_new(name, move |store, _, arguments, results| {
                    call(store, arguments, |store, handles| real.call(store, handles, arguments, results))
                }),
                (None, Some(empty)) => instance.func_new(name, move |store, _, arguments, results| {
                    call(store, arguments, |store, _| empty.write(store, results))
                }),
                (None, None) => instance.func_new(name, move |_, _, _, _| Err(absent.clone().into())),
            }
        }
        ComponentItem::Resource(_) => instance.resource(name, empty::handle_type(), |_, _| Ok(())),
        _ => Ok(()),
    }
}

/// Counts the call, and takes the handles out of its arguments: the store keeps a place for each until then.
fn call(
    mut store: StoreContextMut<'_, State>,
    arguments: &[Val],
    answer: impl FnOnce(&mut StoreContextMut<'_, State>, &[u32]) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    store.data_mut().count()?;
    let handles = take_handles(&mut store, arguments)?;
    answer(&mut store, &handles)
}

/// A function of WASI that cannot be there for plugins.
#[derive(Clone, Debug, thiserror::Error)]
#[error("called `{0}`, which plugins are not given")]
struct Absent(String);
