"""One module per question; the public function has the module's name. `registry` lists them."""
