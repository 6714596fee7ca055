"""Test doubles: delegates made of a few lines of C. They do no work and are no accelerators."""

import shutil
import subprocess
from pathlib import Path

from requirements import unavailable

# The head of `struct TfLiteDelegate` in tensorflow/lite/core/c/common.h.
_HEAD = """
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
typedef struct Delegate Delegate;
struct Delegate {
  void* data; int (*prepare)(void*, Delegate*); void* from; void* to; void* drop; int64_t flags; void* more;
};
"""
DOUBLES = {
    "claims_nothing": """
static int prepare(void* context, Delegate* self) { return 0; }
Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*)) {
  Delegate* self = calloc(1, sizeof(Delegate));
  self->prepare = prepare;
  return self;
}
void tflite_plugin_destroy_delegate(Delegate* self) { free(self); }
""",
    "fails_to_start": """
Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*)) {
  char text[200];
  snprintf(text, sizeof text, "no chip found, %zu options, first %s=%s", count,
           count ? keys[0] : "", count ? values[0] : "");
  report(text);
  return NULL;
}
void tflite_plugin_destroy_delegate(Delegate* self) { abort(); }
""",
    "crashes": """
Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*)) {
  abort();
}
void tflite_plugin_destroy_delegate(Delegate* self) {}
""",
    "no_delegate": "int answer(void) { return 42; }",
}


def build(name: str, folder: Path) -> Path:
    """Compile one of the doubles into a folder; returns the library's path."""
    if shutil.which("gcc") is None:
        unavailable("gcc is not installed: the delegate doubles can't be compiled")
    source, library = folder / f"{name}.c", folder / f"lib_double_{name}.so"
    source.write_text(_HEAD + DOUBLES[name])
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library
