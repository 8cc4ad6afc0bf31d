(module
  (memory (export "memory") 1)
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

  (func (export "sluice:policy/cleanup@0.1.0#select")
    (param $now i64) (param $total i64) (param $free i64) (param $recordings i32) (param $count i32)
    (param $more i32) (param $attributes i32) (param $attribute-count i32) (result i32)
    (global.set $heap (i32.const 4096))
    {select})
)
