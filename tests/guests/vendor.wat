;; A module for devices that never appear.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "sluice:policy/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 16))
  (func (export "sluice:policy/lifecycle@0.1.0#self-test") (result i32) (i32.const 16))
  (func $never (param i32) (result i32) (unreachable))
  (export "sluice:policy/vendor@0.1.0#claim" (func $never))
  (export "sluice:policy/vendor@0.1.0#repair" (func $never))
  (export "sluice:policy/vendor@0.1.0#catalog" (func $never))
  (export "sluice:policy/vendor@0.1.0#offer" (func $never))
  (export "sluice:policy/vendor@0.1.0#answer" (func $never))
  (export "sluice:policy/vendor@0.1.0#control" (func $never))
)
