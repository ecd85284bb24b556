// Numbers printed in the specification and made by the reference implementations.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/json.h"
#include "kernels/backend.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

struct Backends {
  ThreadPool pool{2};
  // ref and every instruction set of this machine, in the float type named.
  std::vector<const Backend*> of(Dtype dtype) const {
    std::vector<const Backend*> list{&ref_backend()};
    if (dtype == Dtype::f32) {
      for (const std::string& isa : cpu_isa_names()) list.push_back(&cpu_backend_for_isa(isa));
    }
    return list;
  }
};

template <typename T>
constexpr Dtype kDtype = sizeof(T) == 8 ? Dtype::f64 : Dtype::f32;

template <typename T>
Tensor view(std::vector<T>& values) {
  return Tensor(values.data(), kDtype<T>, {static_cast<std::int64_t>(values.size())});
}

bool near(double got, double want, double relative, double absolute) {
  return std::abs(got - want) <= absolute + relative * std::abs(want);
}

template <typename T>
void check_xielu_case(const Backends& backends, const Json& c, double relative, double absolute) {
  const auto want_y = c.at("y").get<std::vector<double>>(), want_dx = c.at("dy_dx").get<std::vector<double>>();
  const auto want_p = c.at("d_alpha_p").get<std::vector<double>>(), want_n = c.at("d_alpha_n").get<std::vector<double>>();
  const auto x = c.at("x").get<std::vector<T>>();
  std::vector<T> a_p{c.at("raw_alpha_p").get<T>()}, a_n{c.at("raw_alpha_n").get<T>()};
  for (const Backend* backend : backends.of(kDtype<T>)) {
    ThreadPool pool(1);
    Context context{*backend, pool};
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::vector<T> in{x[i]}, y(1), dy{1}, dx(1), da_p(1), da_n(1);
      ops::xielu_forward(context, view(y), view(in), view(a_p), view(a_n));
      ops::xielu_backward(context, view(dx), view(da_p), view(da_n), view(dy), view(in), view(a_p), view(a_n));
      INFO(backend->name, " ", backend->isa, " x=", static_cast<double>(x[i]), " a_p=", static_cast<double>(a_p[0]),
           " a_n=", static_cast<double>(a_n[0]));
      // y is the difference of terms as large as x.
      CHECK_MESSAGE(near(y[0], want_y[i], relative, absolute * std::max(1.0, std::abs(static_cast<double>(x[i])))), "y ", y[0],
                    " golden ", want_y[i]);
      CHECK_MESSAGE(near(dx[0], want_dx[i], relative, absolute), "dx ", dx[0], " golden ", want_dx[i]);
      CHECK_MESSAGE(near(da_p[0], want_p[i], relative, absolute), "da_p ", da_p[0], " golden ", want_p[i]);
      CHECK_MESSAGE(near(da_n[0], want_n[i], relative, absolute), "da_n ", da_n[0], " golden ", want_n[i]);
    }
  }
}

}  // namespace

TEST_CASE_FIXTURE(Backends, "xIELU equals transformers' XIELUActivation on the golden grid") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/xielu.json");
  int cases = 0;
  for (const Json& c : golden.at("cases")) {
    if (c.at("dtype") == "float64") check_xielu_case<double>(*this, c, 1e-13, 1e-15);
    // The golden's own float32 arithmetic loses digits where expm1(x) and x cancel; ours does not.
    if (c.at("dtype") == "float32") check_xielu_case<float>(*this, c, 1e-6, 2e-7);
    ++cases;
  }
  CHECK(cases == 15);
}

TEST_CASE_FIXTURE(Backends, "xIELU equals the table of the specification") {
  struct Row {
    double x, y, dx, dp, dn;
  };
  Context context{ref_backend(), pool};
  for (const Row& row :
       {Row{-100, 29.2, -0.3, 0, 25.65899615}, Row{-1, -0.2056964471, -0.005696447063, 0, 0.09534764814},
        Row{-0.001, -0.0004996001333, 0.4992003999, 0, 1.295477035e-7}, Row{-1e-7, -7.699996e-7, -0.3, 0, -2.332634718e-7},
        Row{0, -7.999996e-7, -0.3, 0, -2.591816497e-7}, Row{0.5, 0.45, 1.3, 0.137667759, 0}, Row{4, 14.8, 6.9, 8.810736574, 0}}) {
    std::vector<double> x{row.x}, y(1), dy{1}, dx(1), dp(1), dn(1), a_p{0.2033823208110246}, a_n{-1.0502256128148468};
    ops::xielu_forward(context, view(y), view(x), view(a_p), view(a_n));
    ops::xielu_backward(context, view(dx), view(dp), view(dn), view(dy), view(x), view(a_p), view(a_n));
    CHECK(near(y[0], row.y, 1e-9, 0));
    CHECK(near(dx[0], row.dx, 1e-9, 0));
    CHECK(near(dp[0], row.dp, 1e-9, 0));
    CHECK(near(dn[0], row.dn, 1e-9, 0));
  }
}

TEST_CASE_FIXTURE(Backends, "RMSNorm equals the golden of the specification") {
  const double want[] = {0.36514813, 0.73029626, 1.09544438, 1.46059251};
  for (const Backend* backend : of(Dtype::f32)) {
    Context context{*backend, pool};
    std::vector<float> x{1, 2, 3, 4}, w{1, 1, 1, 1}, y(4), inv_rms(1);
    ops::rmsnorm_forward(context, view(y), view(inv_rms), view(x), view(w), 1e-5);
    for (std::size_t i = 0; i < 4; ++i) CHECK(near(y[i], want[i], 2e-7, 0));
  }
}

TEST_CASE_FIXTURE(Backends, "rope equals the golden of the specification") {
  const double want[] = {-1.41335252, 0.72859215, -2.82885748, 4.41238637};
  std::vector<double> x{1, 2, 3, 4}, y(4), cos(8), sin(8);
  std::vector<std::int32_t> position{3};
  const Tensor c(cos.data(), Dtype::f64, {4, 2}), s(sin.data(), Dtype::f64, {4, 2});
  rope_table(c, s, 100, {});  // frequencies 1 and 0.1
  Context context{ref_backend(), pool};
  ops::rope_forward(context, Tensor(y.data(), Dtype::f64, {1, 1, 4}), Tensor(x.data(), Dtype::f64, {1, 1, 4}), c, s,
                    Tensor(position.data(), Dtype::i32, {1}));
  for (std::size_t i = 0; i < 4; ++i) CHECK(near(y[i], want[i], 1e-8, 0));
}

TEST_CASE("rope frequencies are rescaled as the specification's table says, in float64 and float32") {
  struct Row {
    std::int64_t i;
    double theta_5e5, theta_12e6;
  };
  for (const Row& row : {Row{0, 1, 1}, Row{1, 0.8146172339, 0.7751536441}, Row{24, 7.292664737e-3, 1.496027890e-3},
                         Row{26, 4.839421346e-3, 4.515983521e-4}, Row{28, 3.211445995e-3, 1.098536628e-4},
                         Row{29, 2.166570764e-3, 7.747400564e-5}, Row{32, 5.248461610e-4, 3.608439182e-5},
                         Row{35, 9.556212354e-5, 1.680671243e-5}, Row{63, 3.068925989e-7, 1.343819609e-8}}) {
    for (const bool large : {false, true}) {
      std::vector<double> cos(2 * 64), sin(2 * 64);
      std::vector<float> cos32(2 * 64), sin32(2 * 64);
      const RopeScaling scaling{.variant = RopeVariant::llama3, .factor = 8};
      rope_table(Tensor(cos.data(), Dtype::f64, {2, 64}), Tensor(sin.data(), Dtype::f64, {2, 64}), large ? 1.2e7 : 5e5, scaling);
      rope_table(Tensor(cos32.data(), Dtype::f32, {2, 64}), Tensor(sin32.data(), Dtype::f32, {2, 64}), large ? 1.2e7 : 5e5,
                 scaling);
      const std::size_t at = static_cast<std::size_t>(64 + row.i);  // position 1: the angle is the frequency
      CHECK(near(std::atan2(sin[at], cos[at]), large ? row.theta_12e6 : row.theta_5e5, 1e-9, 0));
      CHECK(near(std::atan2(sin32[at], cos32[at]), large ? row.theta_12e6 : row.theta_5e5, 1e-6, 0));
    }
  }
}

TEST_CASE_FIXTURE(Backends, "AdEMAMix equals the five-step golden, schedules evaluated by their formulas") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/ademamix.json");
  const auto half_life = [](double beta) { return std::log(0.5) / std::log(beta + 1e-8) - 1; };
  for (const Json& c : golden.at("cases")) {
    const Json& settings = c.at("settings");
    const double lr = settings.at("lr"), alpha = settings.at("alpha"), eps = settings.at("eps"), wd = settings.at("wd");
    const auto betas = settings.at("betas").get<std::vector<double>>();
    const auto warm = [&](const char* name) { return settings.at(name).is_null() ? 0.0 : settings.at(name).get<double>(); };
    const double t_alpha = warm("t_alpha"), t_beta3 = warm("t_beta3");
    const auto step_params = [&](std::int64_t t) {
      const double steps = static_cast<double>(t);
      AdEMAMixParams params{.lr = lr,
                            .beta1 = betas[0],
                            .beta2 = betas[1],
                            .beta3 = betas[2],
                            .alpha = alpha,
                            .eps = eps,
                            .weight_decay = wd,
                            .step = t};
      if (t_alpha > 0 && steps < t_alpha) params.alpha = alpha * steps / t_alpha;
      if (t_beta3 > 0 && steps < t_beta3) {
        const double r = steps / t_beta3;
        params.beta3 = std::pow(0.5, 1 / ((1 - r) * half_life(betas[0]) + r * half_life(betas[2]) + 1));
      }
      return params;
    };
    const auto run = [&](const Backend& backend, auto zero, double relative, double absolute) {
      using T = decltype(zero);
      Context context{backend, pool};
      std::vector<T> p = golden.at("p0").get<std::vector<T>>(), m1(p.size()), m2(p.size()), v(p.size());
      for (std::int64_t t = 1; t <= 5; ++t) {
        std::vector<T> g = golden.at("grads").at(static_cast<std::size_t>(t - 1)).get<std::vector<T>>();
        ops::ademamix(context, view(p), view(m1), view(m2), view(v), view(g), step_params(t));
        const Json& trace = c.at("steps").at(static_cast<std::size_t>(t - 1));
        for (const auto& output : {std::pair{"p", &p}, {"m1", &m1}, {"m2", &m2}, {"v", &v}}) {
          const char* name = output.first;
          const std::vector<T>& got = *output.second;
          const auto want = trace.at(name).template get<std::vector<double>>();
          for (std::size_t i = 0; i < want.size(); ++i) {
            CHECK_MESSAGE(near(got[i], want[i], relative, absolute), c.at("name"), " ", backend.isa, " step ", t, " ", name, "[",
                          i, "] ", got[i], " golden ", want[i]);
          }
        }
      }
    };
    run(ref_backend(), 0.0, 1e-12, 1e-15);
    for (const Backend* backend : of(Dtype::f32)) run(*backend, 0.0f, 2e-6, 1e-9);
  }
}

}  // namespace cairn::test
