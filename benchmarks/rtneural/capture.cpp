// A capture of one LSTM of UNITS and a dense layer, by RTNeural and by EdgeLSTM's core in turns: blocks of 64 samples.
//
//     capture MODEL.json MODEL.elstm ROUNDS
//
// Prints one line of JSON: nanoseconds per sample, medians over the rounds, and the largest difference of answers.
#include <RTNeural/RTNeural.h>

#include <edgelstm.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace {

constexpr size_t BLOCK = 64, BLOCKS = 64;

using Capture = RTNeural::ModelT<float, 1, 1, RTNeural::LSTMLayerT<float, 1, UNITS>, RTNeural::DenseT<float, UNITS, 1>>;

struct Core {
    alignas(EL_ALIGNMENT) unsigned char memory[EL_MODEL_SIZE];
    el_model *model = nullptr;
    el_stream *stream = nullptr;
};

void *aligned(size_t size) { return std::aligned_alloc(EL_ALIGNMENT, (size + EL_ALIGNMENT - 1) / EL_ALIGNMENT * EL_ALIGNMENT); }

bool open(Core &core, const char *path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    void *kept = aligned(bytes.size());
    std::copy(bytes.begin(), bytes.end(), static_cast<char *>(kept));
    if (el_model_open(core.memory, sizeof core.memory, kept, bytes.size(), 0, &core.model) != EL_OK)
        return false;
    const size_t size = el_stream_size(core.model, nullptr);
    return el_stream_init(aligned(size), size, core.model, nullptr, &core.stream) == EL_OK;
}

double now() {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> &values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: capture MODEL.json MODEL.elstm ROUNDS\n");
        return 2;
    }
    std::ifstream json(argv[1]);
    static Capture theirs;
    theirs.parseJson(json);
    theirs.reset();
    static Core ours;
    if (!open(ours, argv[2])) {
        std::fprintf(stderr, "%s: cannot be opened\n", argv[2]);
        return 1;
    }
    std::vector<float> x(BLOCK * BLOCKS), one(x.size()), other(x.size());
    for (size_t n = 0; n < x.size(); n++)
        x[n] = 0.5f * std::sin(0.05f * static_cast<float>(n)) + 0.2f * std::sin(0.31f * static_cast<float>(n));
    std::vector<double> their_ns, our_ns;
    float apart = 0;
    for (long round = 0; round < std::strtol(argv[3], nullptr, 10); round++) {
        for (size_t first = 0; first < x.size(); first += BLOCK) {
            const double begin = now();
            for (size_t n = first; n < first + BLOCK; n++)
                one[n] = theirs.forward(&x[n]);
            const double middle = now();
            if (el_stream_push(ours.stream, &x[first], BLOCK, &other[first], BLOCK, nullptr) != EL_OK)
                return 1;
            our_ns.push_back((now() - middle) / BLOCK);
            their_ns.push_back((middle - begin) / BLOCK);
        }
        for (size_t n = 0; n < x.size(); n++)
            apart = std::max(apart, std::abs(one[n] - other[n]));
    }
    std::printf("{\"theirs_ns\": %.2f, \"ours_ns\": %.2f, \"apart\": %.3g, \"kernel\": \"%s\"}\n", median(their_ns),
                median(our_ns), static_cast<double>(apart), el_kernel_name());
    return 0;
}
