(func (export "sluice:policy/vendor@0.1.0#claim") (param $device i32) (result i32)
  (call $begin)
  {claim})

;; Asked only by a profile, which no guest has.
(func $never (param i32) (result i32) (unreachable))
(export "sluice:policy/vendor@0.1.0#repair" (func $never))
(export "sluice:policy/vendor@0.1.0#catalog" (func $never))
(export "sluice:policy/vendor@0.1.0#offer" (func $never))
(export "sluice:policy/vendor@0.1.0#answer" (func $never))
(export "sluice:policy/vendor@0.1.0#control" (func $never))
