#include "extensions/cpu_info.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace nestp {
namespace {

/// What one processor's paragraph says, as the kernels of these machines print it; the
/// features are those that QEMU's most capable model has.
struct Row {
  std::uint16_t machine;  ///< EM_*
  std::string_view number_field;
  std::string_view text;
  std::string_view end;
};

constexpr std::array kRows{
    Row{40, "processor\t: ",
        "model name\t: ARMv7 Processor rev 0 (v7l)\nBogoMIPS\t: 100.00\n"
        "Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae "
        "evtstrm\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x0\n"
        "CPU part\t: 0xc0f\nCPU revision\t: 0\n\n",
        "Hardware\t: Generic DT based system\nRevision\t: 0000\nSerial\t\t: 0000000000000000\n"},
    Row{183, "processor\t: ",
        "BogoMIPS\t: 100.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp "
        "asimdhp cpuid\nCPU implementer\t: 0x00\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        "CPU part\t: 0x051\nCPU revision\t: 0\n\n",
        ""},
    Row{243, "processor\t: ", "hart\t\t: 0\nisa\t\t: rv64imafdc\nmmu\t\t: sv48\n\n", ""},
};

}  // namespace

std::string cpu_info(std::uint16_t machine, unsigned count) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [machine](const Row& candidate) {
    return candidate.machine == machine;
  });
  if (row == kRows.end()) return {};
  std::string text;
  for (unsigned i = 0; i < std::max(count, 1U); ++i) {
    text += row->number_field;
    text += std::to_string(i) + "\n";
    text += row->text;
  }
  return text.append(row->end);
}

}  // namespace nestp
