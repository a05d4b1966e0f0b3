// Fuzz entry: any text resolves to an errno or to a path that keeps its promises.
//
// The first byte chooses the last link's treatment and RESOLVE_* flags.
// clang++ -fsanitize=fuzzer,address, linked with fs, makes a fuzzer of it; the
// corpus in resolve_path/ also runs as a unit test.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "fs/resolve.h"

namespace {

using namespace nestp;

/// A small world made of the host's own directories: nothing is written.
struct World {
  std::shared_ptr<const View> view = View::make({
      {.host = *HostPath::parse("/usr"), .guest = GuestPath::root()},
      {.host = HostPath::root(), .guest = *GuestPath::parse("/lib/host")},
      {.host = *HostPath::parse("/proc"), .guest = *GuestPath::parse("/proc")},
      {.host = *HostPath::parse("/dev"), .guest = *GuestPath::parse("/dev")},
  });
  PathCache cache;
  Resolver resolver{cache};
};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// libFuzzer looks for this name.  NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size < 2) return 0;
  const auto* bytes = reinterpret_cast<const char*>(data);
  const std::string_view text(bytes + 1, size - 1);
  if (text.find('\0') != text.npos) return 0;  // the kernel's strings end there
  const auto last = static_cast<LastLink>(data[0] % 3);
  const ResolveFlags flags = data[0] / 3 & 0x1f;
  const ResolveFrom from{.view = *world.view,
                         .root = GuestPath::root(),
                         .base = *GuestPath::parse("/lib"),
                         .process = 1,
                         .thread = 1};
  const auto found = world.resolver.resolve(from, text, last, flags);
  if (!found) return 0;
  require(found->host.starts_with('/'));
  require(found->host.find('\0') == std::string::npos);
  require(GuestPath::parse(found->guest.text()).ok());
  require(found->binding != nullptr);
  require(found->binding->guest.contains(found->guest));
  require(!found->unchanged || text.front() != '/');
  if (last == LastLink::follow && !found->magic && text.find("..") == text.npos) {
    // What is resolved stays where it is.
    const auto again = world.resolver.resolve(from, found->guest.text(), LastLink::keep);
    require(!again || again->guest == found->guest);
  }
  return 0;
}
