// Batch norm: what its kernels share.

#ifndef HPTJAX_NORM_H_
#define HPTJAX_NORM_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels.h"

// y = x * gain + offset, gain = scale / sqrt(var + epsilon).
struct Line {
  float gain, offset;

  Line(float scale, float shift, float mean, float var, float epsilon)
      : gain(scale / std::sqrt(var + epsilon)), offset(shift - mean * gain) {}
  float operator()(float x) const { return x * gain + offset; }
};

// The part of a gradient g that relu lets through: none where its input is `least` or less.
template <int N>
Vector<N> let_through(Vector<N> value, float least, const float* g) {
  if constexpr (N == 1) {
    return value > least ? *g : 0.0f;
  } else {
    return value > fill<N>(least) ? load<N>(g) : Vector<N>{};
  }
}

// The mean and the variance of each channel, in one pass.
//
// E[x^2] - E[x]^2 cancels when a mean is far from zero; so x is taken relative to the mean of the
// first row, m. If that row is a share f of all numbers, (mean - m)^2 <= var / f: the variance then
// loses at most the bits of 1 / f, the number of rows.
inline void statistics(const float* x, const Maps& maps, float* mean, float* var) {
  Maps row = maps;
  row.height = std::min<Index>(maps.height, 1);
  ChannelSums<1> first(row);
  first.add([&]<int N>(Lanes<N>, Index, Index at) { return std::array{load<N>(x + at)}; });
  first.totals(0, mean);
  for (Index c = 0; c < maps.channels; ++c) mean[c] /= row.pixels() * row.images;
  ChannelSums<2> sums(maps);
  sums.add([&]<int N>(Lanes<N>, Index c, Index at) {
    const Vector<N> centred = load<N>(x + at) - mean[c];
    return std::array<Vector<N>, 2>{centred, centred * centred};
  });
  std::vector<float> moved(maps.channels);
  sums.totals(0, moved.data());
  sums.totals(1, var);
  for (Index c = 0; c < maps.channels; ++c) {
    const float count = maps.pixels() * maps.images, by = moved[c] / count;
    const float found = var[c] / count - by * by;
    mean[c] += by;
    var[c] = found < 0 ? 0.0f : found;  // NaN stays NaN
  }
}

inline std::vector<Line> lines(Index channels, F32 scale, F32 shift, const float* mean,
                               const float* var, float epsilon) {
  std::vector<Line> all;
  all.reserve(channels);
  for (Index c = 0; c < channels; ++c)
    all.emplace_back(scale.typed_data()[c], shift.typed_data()[c], mean[c], var[c], epsilon);
  return all;
}

// What the gradient of x adds to that of its line: dx = g * gain - x * slope + constant. d_scale:
// the sums of g (x - mean) before, the gradients of the scales afterwards.
inline std::array<std::vector<float>, 2> turned(const Maps& maps, const std::vector<Line>& line,
                                                const float* mean, const float* var, float epsilon,
                                                float* d_scale, const float* d_shift) {
  const float count = maps.pixels() * maps.images;
  std::vector<float> slope(maps.channels), constant(maps.channels);
  for (Index c = 0; c < maps.channels; ++c) {
    const float inverse = 1 / std::sqrt(var[c] + epsilon);
    d_scale[c] *= inverse;
    slope[c] = line[c].gain * inverse * d_scale[c] / count;
    constant[c] = slope[c] * mean[c] - line[c].gain * d_shift[c] / count;
  }
  return {slope, constant};
}

#endif  // HPTJAX_NORM_H_
