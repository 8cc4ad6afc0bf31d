(func (export "sluice:policy/auth@0.1.0#register") (param $request i32) (result i32)
  (call $begin)
  ;; Behind the registration lies the credential, if there is one.
  (if (i32.load8_u offset=172 (local.get $request))
    (then (call $drop-credential (i32.load offset=176 (local.get $request)))))
  {register})
