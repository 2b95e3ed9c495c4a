// Calls the CPU kernels outside XLA, for a compiler's sanitizers: every array has a block of its own
// of exactly its size, so that a step outside is seen. Compiled together with the kernels' sources.
//
// Standard input: a call a line, "TARGET stride pad pad_after C H W B O k H' W' live_in live_out".
// Prints "ok" for each that wrote all of its results, with numbers, or what it was refused for. A
// target "outside" steps outside by itself, which shows that a sanitizer is at work.

#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <list>
#include <memory>

#include "conv.cc"
#include "depthwise.cc"
#include "linear.cc"
#define forward norm_forward
#define backward norm_backward
#include "norm.cc"
#undef forward
#undef backward
#include "weight_gradient.cc"

namespace {

// Arrays of one call; those that are given hold small numbers, results NaN.
class Arrays {
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
  bool written() const {
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
  float next_ = 0;
};

struct Numbers {
  int64_t stride, pad, pad_after, c, h, w, b, o, k, rows, columns;
  int32_t live_in, live_out;
};

ffi::Error run(const std::string& target, const Numbers& n, Arrays& a) {
  const std::vector<int64_t> x{n.c, n.h, n.w, n.b}, y{n.o, n.rows, n.columns, n.b};
  const std::vector<int64_t> w{n.o, n.k, n.k, n.c}, p{n.o, 1, 1, n.c};
  const S32 live = a.live({n.live_in, n.live_out});
  if (target == "conv")
    return forward(a.given(x), a.given(w), a.given({n.o}), live, a.result(y), n.stride, n.pad,
                   n.pad_after);
  if (target == "input_gradient")
    return input_gradient(a.given(y), a.given(w), live, a.result(x), n.stride, n.pad, n.pad_after);
  if (target == "input_gradient_of_both")
    return input_gradient_of_both(a.given(y), a.given(w), a.given(y), a.given(p), live, a.result(x),
                                  n.stride, n.pad, n.pad_after);
  if (target == "weight_gradient")
    return weight_gradient(a.given(y), a.given(x), live, a.result(w), n.stride, n.pad, n.pad_after);
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
  if (target == "norm")
    return norm_forward(a.given(x), a.given(v), a.given(v), own, a.result(x), a.result(v),
                        a.result(v), n.k % 2, 1e-5f);
  if (target == "norm_by_statistics")
    return by_statistics(a.given(x), a.given(v), a.given(v), a.given(v), a.given(v), own, a.result(x),
                         n.k % 2, 1e-5f);
  if (target == "running")
    return running(a.given(v), a.given(v), a.given(v), a.given(v), a.given(v), a.result(v),
                   a.result(v), 0.1f, 1.1f);
  if (target == "norm_gradient")
    return norm_backward(a.given(x), a.given(v), a.given(v), a.given(v), a.given(v), a.given(x), own,
                         a.result(x), a.result(v), a.result(v), n.k % 2, 1e-5f);
  // Its kernel is k rows high and O columns wide, its dilation 1 and its padding that of both axes.
  const std::vector<int64_t> d{n.c, n.k, n.o}, z{n.c, n.rows, n.columns, n.b};
  const std::array<int64_t, 6> moves{n.stride, 1, n.pad, n.pad_after, n.pad, n.pad_after};
  const auto call = [&](auto kernel, F32 a, F32 b, F32Result to) {
    return kernel(a, b, own, to, moves[0], moves[1], moves[2], moves[3], moves[4], moves[5]);
  };
  if (target == "depthwise") return call(depthwise, a.given(x), a.given(d), a.result(z));
  if (target == "depthwise_input_gradient")
    return call(depthwise_input_gradient, a.given(z), a.given(d), a.result(x));
  if (target == "depthwise_weight_gradient")
    return call(depthwise_weight_gradient, a.given(z), a.given(x), a.result(d));
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
  while (std::cin >> target >> n.stride >> n.pad >> n.pad_after >> n.c >> n.h >> n.w >> n.b >> n.o >>
         n.k >> n.rows >> n.columns >> n.live_in >> n.live_out) {
    Arrays arrays;
    const ffi::Error error = run(target, n, arrays);
    const char* sound = arrays.written() ? "ok" : "not written";
    std::puts(error.failure() ? error.message().c_str() : sound);
  }
}
