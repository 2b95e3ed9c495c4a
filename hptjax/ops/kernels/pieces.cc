// Cuts a vector into arrays that lie in it one after another, and joins arrays to such a vector, in
// one call; XLA would compile a loop for each array.

#include <cstring>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

ffi::Error mismatch(Index parts, Index whole) {
  return refused("the arrays must fit into the vector",
                 std::to_string(parts) + " numbers for one of " + std::to_string(whole));
}

ffi::Error split(F32 vector, ffi::RemainingRets parts) {
  const Index size = vector.element_count();
  Index start = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto part = parts.get<F32>(i);
    if (!part.has_value()) return part.error();
    const Index count = (*part)->element_count();
    if (start + count > size) return mismatch(start + count, size);
    if (count) std::memcpy((*part)->typed_data(), vector.typed_data() + start, count * sizeof(float));
    start += count;
  }
  return ffi::Error::Success();
}

ffi::Error join(ffi::RemainingArgs parts, F32Result vector) {
  const Index size = vector->element_count();
  Index start = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto part = parts.get<F32>(i);
    if (!part.has_value()) return part.error();
    const Index count = part->element_count();
    if (start + count > size) return mismatch(start + count, size);
    if (count) std::memcpy(vector->typed_data() + start, part->typed_data(), count * sizeof(float));
    start += count;
  }
  return start == size ? ffi::Error::Success() : mismatch(start, size);
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_split, split, ffi::Ffi::Bind().Arg<F32>().RemainingRets());
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_join, join, ffi::Ffi::Bind().RemainingArgs().Ret<F32>());
