// Calls the CPU kernels outside XLA, for a compiler's sanitizers: every array has a block of its own
// of exactly its size, so that a step outside is seen. Compiled together with the kernels' sources.
//
// Standard input: a call a line, "TARGET stride dilation top bottom left right C H W B O h w H' W'
// live_in live_out".
// Prints "ok" for each that wrote all of its results, with numbers, or what it was refused for. A
// target "outside" steps outside by itself, which shows that a sanitizer is at work.

#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <list>
#include <memory>

#include "activation.cc"
#include "conv.cc"
#include "depthwise.cc"
#include "dropout.cc"
#include "group_norm.cc"
#include "linear.cc"
#include "norm.cc"
#include "norm_pair.cc"
#include "pool.cc"
#include "weight_gradient.cc"

namespace {

// Arrays of one call; those that are given hold small numbers, results NaN.
class Arrays {
  using U8 = ffi::Buffer<ffi::U8>;

 public:
  F32 given(std::vector<int64_t> shape) {
    return F32(make<float>(std::move(shape), [this] { return next_ = std::fmod(next_ + 0.7f, 2.0f); }));
  }
  F32Result result(std::vector<int64_t> shape) {
    F32 made(make<float>(std::move(shape), [] { return std::numeric_limits<float>::quiet_NaN(); }));
    results_.push_back(made);
    return made;
  }
  S32 live(std::vector<int32_t> numbers) {
    const int32_t* number = numbers.data();
    return S32(make<int32_t>({static_cast<int64_t>(numbers.size())}, [&] { return *number++; }));
  }
  ffi::Buffer<ffi::U32> key() {
    return ffi::Buffer<ffi::U32>(make<uint32_t>({2}, [] { return 0x9e3779b9u; }));
  }
  ffi::Result<U8> bytes(std::vector<int64_t> shape) {
    U8 made(make<uint8_t>(std::move(shape), [] { return uint8_t{2}; }));
    bytes_.push_back(made);
    return made;
  }
  // Whether every number of a result is finite, and every byte is 0 or 1.
  bool written() const {
    for (const U8& result : bytes_)
      for (std::size_t i = 0; i < result.element_count(); ++i)
        if (result.typed_data()[i] > 1) return false;
    for (const F32& result : results_)
      for (std::size_t i = 0; i < result.element_count(); ++i)
        if (!std::isfinite(result.typed_data()[i])) return false;
    return true;
  }

 private:
  struct Block {
    std::vector<int64_t> shape;
    std::unique_ptr<char[]> bytes;
    XLA_FFI_Buffer buffer;
  };

  template <class Number, class Next>
  XLA_FFI_Buffer* make(std::vector<int64_t> shape, Next next) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    Block& block = blocks_.emplace_back();
    block.shape = std::move(shape);
    block.bytes = std::make_unique<char[]>(count * sizeof(Number));
    auto* numbers = reinterpret_cast<Number*>(block.bytes.get());
    for (int64_t i = 0; i < count; ++i) numbers[i] = next();
    block.buffer.data = numbers;
    block.buffer.rank = block.shape.size();
    block.buffer.dims = block.shape.data();
    return &block.buffer;
  }

  std::list<Block> blocks_;  // buffers stay where they are
  std::vector<F32> results_;
  std::vector<U8> bytes_;
  float next_ = 0;
};

struct Numbers {
  int64_t stride, dilation, top, bottom, left, right, c, h, w, b, o, kh, kw, rows, columns;
  int32_t live_in, live_out;
};

ffi::Error run(const std::string& target, const Numbers& n, Arrays& a) {
  const std::vector<int64_t> x{n.c, n.h, n.w, n.b}, y{n.o, n.rows, n.columns, n.b};
  const std::vector<int64_t> w{n.o, n.kh, n.kw, n.c}, p{n.o, 1, 1, n.c};
  const S32 live = a.live({n.live_in, n.live_out});
  const auto moved = [&](auto kernel, auto... arrays) {
    return kernel(arrays..., n.stride, n.dilation, n.top, n.bottom, n.left, n.right);
  };
  if (target == "conv")
    return moved(forward, a.given(x), a.given(w), a.given({n.o}), live, a.result(y));
  if (target == "input_gradient")
    return moved(input_gradient, a.given(y), a.given(w), live, a.result(x));
  if (target == "input_gradient_of_both")
    return moved(input_gradient_of_both, a.given(y), a.given(w), a.given(y), a.given(p), live,
                 a.result(x));
  if (target == "weight_gradient")
    return moved(weight_gradient, a.given(y), a.given(x), live, a.result(w));
  // From C units to O, of B images.
  const std::vector<int64_t> units{n.c, n.b}, after{n.o, n.b}, weights{n.o, n.c};
  if (target == "linear")
    return linear(a.given(units), a.given(weights), a.given({n.o}), live, a.result(after));
  if (target == "linear_input_gradient")
    return linear_input_gradient(a.given(after), a.given(weights), live, a.result(units));
  if (target == "linear_weight_gradient")
    return linear_weight_gradient(a.given(after), a.given(units), live, a.result(weights));
  if (target == "bias_gradient") return bias_gradient(a.given(y), live, a.result({n.o}));
  const S32 own = a.live({n.live_in});
  const std::vector<int64_t> v{n.c};
  if (target == "dropout")
    return dropout(a.given(x), a.given({1}), a.key(), own, a.result(x), a.bytes(x));
  const char* name = n.o % 2 ? "gelu" : "mish";
  if (target == "activation") return activation(a.given(x), a.result(x), name);
  if (target == "activation_and_slope")
    return activation_and_slope(a.given(x), a.result(x), a.result(x), name);
  if (target == "norm")
    return norm_forward(a.given(x), a.given(v), a.given(v), own, a.result(x), a.result(v),
                        a.result(v), n.kh % 2, 1e-5f);
  if (target == "norm_by_statistics")
    return by_statistics(a.given(x), a.given(v), a.given(v), a.given(v), a.given(v), own, a.result(x),
                         n.kh % 2, 1e-5f);
  if (target == "running")
    return running(a.given(v), a.given(v), a.given(v), a.given(v), a.given(v), a.result(v),
                   a.result(v), 0.1f, 1.1f);
  if (target == "norm_gradient")
    return norm_backward(a.given(x), a.given(v), a.given(v), a.given(v), a.given(v), a.given(x), own,
                         a.result(x), a.result(v), a.result(v), n.kh % 2, 1e-5f);
  if (target == "norm_pair")
    return pair_forward(a.given(x), a.given(v), a.given(v), a.given(x), a.given(v), a.given(v), own,
                        a.result(x), a.result(v), a.result(v), a.result(v), a.result(v), 1e-5f);
  if (target == "norm_pair_gradient")
    return pair_backward(a.given(x), a.given(v), a.given(v), a.given(v), a.given(v), a.given(x),
                         a.given(v), a.given(v), a.given(v), a.given(v), a.given(x), own,
                         a.result(x), a.result(v), a.result(v), a.result(x), a.result(v),
                         a.result(v), 1e-5f);
  const std::vector<int64_t> d{n.c, n.kh, n.kw}, z{n.c, n.rows, n.columns, n.b};
  if (target == "depthwise") return moved(depthwise, a.given(x), a.given(d), own, a.result(z));
  if (target == "depthwise_input_gradient")
    return moved(depthwise_input_gradient, a.given(z), a.given(d), own, a.result(x));
  if (target == "depthwise_weight_gradient")
    return moved(depthwise_weight_gradient, a.given(z), a.given(x), own, a.result(d));
  // As many groups as its kernel is high, 0: each channel is one.
  const std::vector<int64_t> s{n.kh > 0 ? n.kh : n.c, n.b};
  if (target == "group_norm")
    return group_norm(a.given(x), a.given(v), a.given(v), own, a.result(x), a.result(s), a.result(s),
                      n.kh, 1e-5f);
  if (target == "group_norm_gradient")
    return group_norm_gradient(a.given(x), a.given(v), a.given(s), a.given(s), a.given(x), own,
                               a.result(x), a.result(v), a.result(v), n.kh);
  // Windows are as high as its kernel.
  const std::vector<int64_t> u{n.c, n.rows, n.columns, n.b};
  if (target == "max_pool")
    return max_pool(a.given(x), own, a.result(u), n.kh, n.stride, n.dilation, n.top, n.bottom,
                    n.left, n.right);
  if (target == "max_pool_gradient")
    return max_pool_gradient(a.given(x), a.given(u), a.given(u), own, a.result(x), n.kh, n.stride,
                             n.dilation, n.top, n.bottom, n.left, n.right);
  if (target == "outside") {
    const F32 array = a.given(x);
    return refused("stepped outside", std::to_string(array.typed_data()[array.element_count()]));
  }
  return refused("no such target", target);
}

}  // namespace

int main() {
  std::string target;
  Numbers n;
  while (std::cin >> target >> n.stride >> n.dilation >> n.top >> n.bottom >> n.left >> n.right >>
         n.c >> n.h >> n.w >> n.b >> n.o >> n.kh >> n.kw >> n.rows >> n.columns >> n.live_in >> n.live_out) {
    Arrays arrays;
    const ffi::Error error = run(target, n, arrays);
    const char* sound = arrays.written() ? "ok" : "not written";
    std::puts(error.failure() ? error.message().c_str() : sound);
  }
}
