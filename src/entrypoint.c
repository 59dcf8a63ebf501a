/* R loads the library here; the Rust side registers its functions. */

void R_init_neuralee_extendr(void *dll);
void register_extendr_panic_hook(void);
void neuralee_replace_global_pool(void);

void R_init_neuralee(void *dll) {
    register_extendr_panic_hook();
    neuralee_replace_global_pool();
    R_init_neuralee_extendr(dll);
}
