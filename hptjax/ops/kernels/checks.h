// Checks of a call that run before a kernel reads or writes any of its arrays.

#ifndef HPTJAX_CHECKS_H_
#define HPTJAX_CHECKS_H_

#include <algorithm>
#include <initializer_list>
#include <string>

#include "kernels.h"

using Shape = xla::ffi::Span<const int64_t>;

constexpr Index kLargest = Index{1} << 30;  // most of a stride, dilation, padding: none overflows

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

// Tells whether live holds one number within 0 .. channels for each of these.
inline bool fits(const S32& live, std::initializer_list<Index> channels) {
  if (live.element_count() != channels.size()) return false;
  const int32_t* own = live.typed_data();
  for (Index most : channels)
    if (Index count = *own++; count < 0 || count > most) return false;
  return true;
}

// One axis: the sizes of the maps, the result and the kernel, and how the kernel moves.
struct Axis {
  Index in, out, k, stride, pad, dilation;
};

// How a kernel moves over maps. Padding: of rows (top, bottom) and of columns (left, right).
struct Moves {
  int64_t stride, dilation, top, bottom, left, right;

  // The axes of rows and of columns, for maps x, a result y and a kernel of k pixels along that axis.
  Axis rows(Shape x, Shape y, Index k) const { return {x[1], y[1], k, stride, top, dilation}; }
  Axis columns(Shape x, Shape y, Index k) const { return {x[2], y[2], k, stride, left, dilation}; }

  // What is wrong with maps x and a result y for a kernel of height x width; nullptr: nothing.
  const char* broken(Shape x, Shape y, Index height, Index width) const {
    if (x[3] != y[3]) return "the result must have as many images as the maps";
    if (std::min(stride, dilation) < 1 || std::max(stride, dilation) > kLargest)
      return "stride and dilation must be at least 1";
    if (std::min({top, bottom, left, right}) < 0 ||
        std::max({top, bottom, left, right}) > kLargest)
      return "the padding must not be negative";
    if (!sized(x[1] + top + bottom, height, y[1]) || !sized(x[2] + left + right, width, y[2]))
      return "the result must have (H + padding - dilation * (h - 1) - 1) / stride + 1 rows, and "
             "columns likewise";
    return nullptr;
  }

  std::string text() const {
    return "stride " + std::to_string(stride) + ", dilation " + std::to_string(dilation) +
           ", padding (" + std::to_string(top) + ", " + std::to_string(bottom) + ") and (" +
           std::to_string(left) + ", " + std::to_string(right) + ")";
  }

 private:
  bool sized(Index padded, Index k, Index out) const {
    const Index room = padded - dilation * (k - 1) - 1;
    return room >= 0 && out == room / stride + 1;
  }
};

// A convolution of x [C, H, W, B] by w [O, h, w, C] to y [O, H', W', B], or a gradient of one.
struct Convolution {
  Shape x, w, y;
  S32 live;
  Moves moves;

  xla::ffi::Error check() const {
    const char* must = broken();
    if (!must) return xla::ffi::Error::Success();
    return refused(must, "maps " + shown(x) + ", kernel " + shown(w) + ", result " + shown(y) +
                             ", " + moves.text() + ", live " + shown(live));
  }

  Axis rows() const { return moves.rows(x, y, w[1]); }
  Axis columns() const { return moves.columns(x, y, w[2]); }

 private:
  const char* broken() const {
    if (x.size() != 4 || y.size() != 4) return "maps must have the shape [C, H, W, B]";
    if (w.size() != 4 || w[1] < 1 || w[2] < 1)
      return "a kernel must have the shape [O, h, w, C] and h, w be at least 1";
    if (w[3] != x[0] || w[0] != y[0]) return "a kernel must have the channels of its maps";
    if (const char* must = moves.broken(x, y, w[1], w[2])) return must;
    if (!fits(live, {x[0], y[0]})) return "live must be two numbers within 0 .. C and 0 .. O";
    return nullptr;
  }
};

// Batch norm of x [C, H, W, B]: vectors are [C], maps have the shape of x.
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

// The attributes of `Moves`, at the end of a binding.
#define MOVES                    \
  Attr<int64_t>("stride")        \
      .Attr<int64_t>("dilation") \
      .Attr<int64_t>("top")      \
      .Attr<int64_t>("bottom")   \
      .Attr<int64_t>("left")     \
      .Attr<int64_t>("right")

#endif  // HPTJAX_CHECKS_H_
