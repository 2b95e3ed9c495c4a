// What a call must hold before a kernel reads or writes anything of it.

#ifndef HPTJAX_CHECKS_H_
#define HPTJAX_CHECKS_H_

#include <initializer_list>
#include <string>

#include "kernels.h"

using Shape = xla::ffi::Span<const int64_t>;

constexpr Index kLargest = Index{1} << 30;  // of a stride or padding: places stay far from overflow

inline std::string shown(Shape shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

inline std::string shown(const S32& live) {
  if (live.element_count() > 2) return "of " + std::to_string(live.element_count()) + " numbers";
  std::string text = "[";
  for (std::size_t i = 0; i < live.element_count(); ++i)
    text += (i ? ", " : "") + std::to_string(live.typed_data()[i]);
  return text + "]";
}

inline xla::ffi::Error refused(const std::string& must, const std::string& given) {
  return xla::ffi::Error::InvalidArgument("CPU kernel: " + must + ", got " + given + ".");
}

inline bool same(Shape a, Shape b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

inline bool is_vector(Shape shape, Index size) { return shape.size() == 1 && shape[0] == size; }

// Whether live holds a number within 0 .. channels for each of these.
inline bool fits(const S32& live, std::initializer_list<Index> channels) {
  if (live.element_count() != channels.size()) return false;
  const int32_t* own = live.typed_data();
  for (Index most : channels)
    if (Index count = *own++; count < 0 || count > most) return false;
  return true;
}

// A convolution of x [C, H, W, B] by w [O, k, k, C] to y [O, H', W', B], or a gradient of one.
struct Convolution {
  Shape x, w, y;
  S32 live;
  Index stride, pad, pad_after;

  xla::ffi::Error check() const {
    const char* must = broken();
    if (!must) return xla::ffi::Error::Success();
    return refused(must, "maps " + shown(x) + ", kernel " + shown(w) + ", result " + shown(y) +
                             ", stride " + std::to_string(stride) + ", padding (" +
                             std::to_string(pad) + ", " + std::to_string(pad_after) + "), live " +
                             shown(live));
  }

 private:
  const char* broken() const {
    if (x.size() != 4 || y.size() != 4) return "maps must have the shape [C, H, W, B]";
    if (w.size() != 4 || w[1] != w[2] || w[1] < 1)
      return "a kernel must have the shape [O, k, k, C] and k be at least 1";
    if (w[3] != x[0] || w[0] != y[0]) return "a kernel must have the channels of its maps";
    if (x[3] != y[3]) return "the result must have as many images as the maps";
    if (stride < 1 || stride > kLargest) return "the stride must be at least 1";
    if (std::min(pad, pad_after) < 0 || std::max(pad, pad_after) > kLargest)
      return "the padding must not be negative";
    if (!sized(1) || !sized(2))
      return "the result must have (H + padding - k) / stride + 1 rows, and columns likewise";
    if (!fits(live, {x[0], y[0]}))
      return "live must be two numbers within 0 .. C and 0 .. O";
    return nullptr;
  }

  bool sized(int axis) const {
    Index room = x[axis] + pad + pad_after - w[1];
    return room >= 0 && y[axis] == room / stride + 1;
  }
};

// Batch norm of x [C, H, W, B]: vectors are [C], maps are of the shape of x.
inline xla::ffi::Error check_norm(Shape x, std::initializer_list<Shape> vectors,
                                  std::initializer_list<Shape> maps, const S32& live) {
  if (x.size() != 4) return refused("maps must have the shape [C, H, W, B]", shown(x));
  for (Shape vector : vectors)
    if (!is_vector(vector, x[0]))
      return refused("batch norm of maps " + shown(x) + " needs vectors [C]", shown(vector));
  for (Shape other : maps)
    if (!same(other, x)) return refused("maps must be of one shape " + shown(x), shown(other));
  if (!fits(live, {x[0]}))
    return refused("live must be one number within 0 .. C of maps " + shown(x), shown(live));
  return xla::ffi::Error::Success();
}

#endif  // HPTJAX_CHECKS_H_
