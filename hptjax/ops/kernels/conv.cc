// Convolution and its input gradient: x [C, H, W, B], w [O, h, w, C], y [O, H', W', B].
//
// live: [C, O], the numbers of live channels. 3 x 3 kernels at stride 1 use Winograd's products
// where these pay (winograd.h). All others, oblong and dilated ones too, go pixel by pixel
// (direct.h).

#include <array>
#include <vector>

#include "checks.h"
#include "direct.h"
#include "kernels.h"
#include "winograd.h"

namespace ffi = xla::ffi;

namespace {

// The taps of a pixel of `to`, in the sources from `first` on.
template <std::size_t S>
int taps_of(const std::array<Source, S>& sources, std::size_t first, Index h, Index q, Tap* to) {
  int count = 0;
  for (std::size_t s = first; s < S; ++s) count += sources[s].taps(h, q, to + count);
  return count;
}

// Computes every pixel of `to` from the pixels of the sources that it reads.
template <std::size_t S>
void convolve(float* y, const Maps& to, const std::array<Source, S>& sources, Index w_outer,
              const float* bias) {
  Index most = 0;
  for (const Source& source : sources) most += source.size();
  std::vector<Tap> taps(most);
  const auto at = [&](Index h, Index q) { return y + (h * to.width + q) * to.pixel(); };
  const auto pixel = [&](Index h, Index q, std::size_t first) {
    const int count = taps_of(sources, first, h, q, taps.data());
    const bool adds = first > 0;
    if (count || !adds)
      Pixel{taps.data(), count, sources[first].inner(), to.live, to.images, w_outer, bias, adds}
          .compute(at(h, q));
  };
  const bool tiled = winograd::pays(sources[0], to);
  const Index rows = tiled ? to.height / 2 * 2 : 0, columns = tiled ? to.width / 2 * 2 : 0;
  if (tiled) {
    winograd::Convolution products(sources[0], to, bias);
    for (Index h = 0; h < rows; h += 2)
      for (Index q = 0; q < columns; q += 2) {
        const std::array<float*, 4> four{at(h, q), at(h, q + 1), at(h + 1, q), at(h + 1, q + 1)};
        products.compute(h, q, four);
        if constexpr (S > 1)
          for (Index p = 0; p < 4; ++p) pixel(h + p / 2, q + p % 2, 1);
      }
  }
  for (Index h = 0; h < to.height; ++h)
    for (Index q = 0; q < to.width; ++q) {
      if (h >= rows || q >= columns) pixel(h, q, 0);
      clear_rest(at(h, q), to);
    }
}

ffi::Error forward(F32 x, F32 w, F32 bias, S32 live, F32Result y, int64_t stride, int64_t dilation,
                   int64_t top, int64_t bottom, int64_t left, int64_t right) {
  const Convolution call{x.dimensions(), w.dimensions(), y->dimensions(), live,
                         {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  Maps to(call.y, live.typed_data()[1]);
  if (!is_vector(bias.dimensions(), to.channels))
    return refused("the bias must be a vector [O] for the result " + shown(call.y),
                   shown(bias.dimensions()));
  convolve(y->typed_data(), to, std::array{Source::forward(x, w, call)},
           call.w[1] * call.w[2] * call.w[3], bias.typed_data());
  return ffi::Error::Success();
}

ffi::Error input_gradient(F32 g, F32 w, S32 live, F32Result dx, int64_t stride, int64_t dilation,
                          int64_t top, int64_t bottom, int64_t left, int64_t right) {
  const Convolution call{dx->dimensions(), w.dimensions(), g.dimensions(), live,
                         {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  Maps to(call.x, live.typed_data()[0]);
  convolve(dx->typed_data(), to, std::array{Source::input_gradient(g, w, call)}, 1, nullptr);
  return ffi::Error::Success();
}

// The input gradient of two convolutions of the same maps and stride; the kernel p is 1 x 1.
ffi::Error input_gradient_of_both(F32 g, F32 w, F32 h, F32 p, S32 live, F32Result dx,
                                  int64_t stride, int64_t dilation, int64_t top, int64_t bottom,
                                  int64_t left, int64_t right) {
  const Convolution first{dx->dimensions(), w.dimensions(), g.dimensions(), live,
                          {stride, dilation, top, bottom, left, right}};
  const Convolution second{dx->dimensions(), p.dimensions(), h.dimensions(), live,
                           {stride, 1, 0, 0, 0, 0}};
  for (const Convolution& call : {first, second})
    if (ffi::Error error = call.check(); error.failure()) return error;
  Maps to(first.x, live.typed_data()[0]);
  convolve(dx->typed_data(), to,
           std::array{Source::input_gradient(g, w, first), Source::input_gradient(h, p, second)}, 1,
           nullptr);
  return ffi::Error::Success();
}

ffi::Error bias_gradient(F32 g, S32 live, F32Result db) {
  const Shape shape = g.dimensions();
  if (shape.size() != 4) return refused("maps must have the shape [C, H, W, B]", shown(shape));
  if (!is_vector(db->dimensions(), shape[0]))
    return refused("the gradient of the bias of maps " + shown(shape) + " must be a vector [C]",
                   shown(db->dimensions()));
  if (!fits(live, {kLargest, shape[0]}))
    return refused("live must be two numbers, the second within 0 .. C of maps " + shown(shape),
                   shown(live));
  ChannelSums<1> sums(Maps(shape, live.typed_data()[1]));
  sums.add([&]<int N>(Lanes<N>, Index, Index at) {
    return std::array{load<N>(g.typed_data() + at)};
  });
  sums.totals(0, db->typed_data());
  return ffi::Error::Success();
}

}  // namespace

#define BIND(BUFFERS) ffi::Ffi::Bind().BUFFERS.Arg<S32>().Ret<F32>().MOVES
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv, forward, BIND(Arg<F32>().Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_input_gradient, input_gradient,
                              BIND(Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_input_gradient_of_both, input_gradient_of_both,
                              BIND(Arg<F32>().Arg<F32>().Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_bias_gradient, bias_gradient,
                              ffi::Ffi::Bind().Arg<F32>().Arg<S32>().Ret<F32>());
