(module
  (import "sluice:policy/host@0.1.0" "[resource-drop]credential" (func $drop-credential (param i32)))
  (import "sluice:policy/host@0.1.0" "[resource-drop]key" (func $drop-key (param i32)))
  (import "sluice:policy/host@0.1.0" "kv-read" (func $kv-read (param i32 i32 i32)))
  (import "sluice:policy/host@0.1.0" "kv-write" (func $kv-write (param i32 i32 i32 i32 i32 i32)))
  (import "sluice:policy/host@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "sluice:policy/host@0.1.0" "now" (func $now (result i64)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (global $turns (mut i32) (i32.const 0))
  (global $heap (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "sluice:policy/lifecycle@0.1.0#init") (param i32 i32) (result i32)
    {init})

  (func (export "sluice:policy/lifecycle@0.1.0#self-test") (result i32)
    {self-test})

  ;; Before each decision.
  (func $begin
    (global.set $heap (i32.const 4096))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1))))

  ;; Calls itself until the stack is full.
  (func $descend (result i32)
    (i32.add (call $descend) (i32.const 1)))

  {exports}
)
