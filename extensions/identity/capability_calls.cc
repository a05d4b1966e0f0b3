// capget(2), capset(2), and what prctl(2) has to say on capabilities.
#include <array>
#include <cerrno>

#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

struct Header {
  std::uint32_t version = 0;
  std::int32_t process = 0;
};
struct Part {
  std::uint32_t effective = 0, permitted = 0, inheritable = 0;
};

constexpr std::uint32_t kVersion1 = 0x19980330, kVersion2 = 0x20071026, kVersion3 = 0x20080522;

/// Parts that a version has; 0: no such version.
std::size_t parts_of(std::uint32_t version) {
  if (version == kVersion1) return 1;
  return version == kVersion2 || version == kVersion3 ? 2 : 0;
}

std::uint32_t half(std::uint64_t set, std::size_t index) {
  return static_cast<std::uint32_t>(set >> (32 * index));
}

/// The parts that the header asks for, or the answer of the call.
SysResult<std::size_t> begin(Call& call, const Header& header) {
  const std::size_t parts = parts_of(header.version);
  if (parts != 0) return parts;
  Header preferred = header;
  preferred.version = kVersion3;
  const auto done = write_object(call, address(call, 0), preferred);
  if (!done) return done.error();
  return Errno(EINVAL);
}

Entry get(World& world, Call& call) {
  const auto header = read_object<Header>(call, address(call, 0));
  if (!header) return fail(call, EFAULT);
  const auto parts = begin(call, *header);
  if (!parts) {
    const bool only_asks = call.args[1] == 0 && parts.error() == Errno(EINVAL);
    return only_asks ? answer(call, 0) : fail(call, parts.error().code());
  }
  if (header->process < 0) return fail(call, EINVAL);
  const pid_t thread = header->process == 0 ? call.thread : header->process;
  const auto found = world.threads.find(thread);
  if (found == world.threads.end()) return Entry::proceed;  // of a process of the host
  if (call.args[1] == 0) return answer(call, 0);
  const CapabilitySets& sets = found->second.credentials.capabilities;
  std::array<Part, 2> data{};
  for (std::size_t i = 0; i < *parts; ++i) {
    data[i] = {half(sets.effective, i), half(sets.permitted, i), half(sets.inheritable, i)};
  }
  return finish(call,
                call.memory.write(address(call, 1), std::as_bytes(std::span(data).first(*parts))));
}

Entry set(World& world, Call& call) {
  const auto header = read_object<Header>(call, address(call, 0));
  if (!header) return fail(call, EFAULT);
  const auto parts = begin(call, *header);
  if (!parts) return fail(call, parts.error().code());
  if (header->process != 0 && header->process != call.thread) return fail(call, EPERM);
  std::array<Part, 2> data{};
  const auto read =
      call.memory.read(address(call, 1), std::as_writable_bytes(std::span(data).first(*parts)));
  if (!read) return fail(call, EFAULT);
  Credentials& who = world.credentials(call);
  const auto joined = [&data](std::uint32_t Part::*set) {
    return data[0].*set | std::uint64_t{data[1].*set} << 32;
  };
  const std::uint64_t valid = (std::uint64_t{2} << world.last_capability) - 1;
  CapabilitySets wanted = who.capabilities;
  wanted.effective = joined(&Part::effective) & valid;
  wanted.permitted = joined(&Part::permitted) & valid;
  wanted.inheritable = joined(&Part::inheritable) & valid;
  return finish(call, who.set_capabilities(wanted));
}

Entry ambient(Credentials& who, Call& call, unsigned last) {
  constexpr std::uint64_t kIsSet = 1, kRaise = 2, kLower = 3, kClear = 4;
  const std::uint64_t what = call.args[1];
  if (what == kClear) {
    if (call.args[2] != 0 || call.args[3] != 0 || call.args[4] != 0) return fail(call, EINVAL);
    who.capabilities.ambient = 0;
    return answer(call, 0);
  }
  if (call.args[2] > last || call.args[3] != 0 || call.args[4] != 0) return fail(call, EINVAL);
  const std::uint64_t bit = std::uint64_t{1} << call.args[2];
  if (what == kIsSet) return answer(call, (who.capabilities.ambient & bit) != 0 ? 1 : 0);
  if (what == kRaise) return finish(call, who.raise_ambient(bit));
  if (what != kLower) return fail(call, EINVAL);
  who.capabilities.ambient &= ~bit;
  return answer(call, 0);
}

Entry keep_capabilities(Credentials& who, Call& call) {
  if (call.args[1] > 1) return fail(call, EINVAL);
  if (who.secure_bits & kKeepCapabilitiesLocked) return fail(call, EPERM);
  if (call.args[1] != 0) {
    who.secure_bits |= kKeepCapabilities;
  } else {
    who.secure_bits &= ~kKeepCapabilities;
  }
  return answer(call, 0);
}

Entry control(World& world, Call& call) {
  // PR_* of <linux/prctl.h>.
  constexpr std::uint64_t kGetDumpable = 3, kSetDumpable = 4, kGetKeep = 7, kSetKeep = 8,
                          kReadBounding = 23, kDropBounding = 24, kGetSecure = 27, kSetSecure = 28,
                          kNoNewPrivileges = 38, kAmbient = 47;
  Credentials& who = world.credentials(call);
  switch (static_cast<std::uint32_t>(call.args[0])) {
    case kGetDumpable:
      return world.of(call).is_dumpable ? Entry::proceed : answer(call, world.set_id_dumps);
    case kSetDumpable:
      if (call.args[1] <= 1) world.of(call).is_dumpable = call.args[1] == 1;
      return Entry::proceed;
    case kGetKeep:
      return answer(call, (who.secure_bits & kKeepCapabilities) != 0 ? 1 : 0);
    case kSetKeep:
      return keep_capabilities(who, call);
    case kReadBounding:
      if (call.args[1] > world.last_capability) return fail(call, EINVAL);
      return answer(call, static_cast<std::int64_t>(who.capabilities.bounding >> call.args[1] & 1));
    case kDropBounding:
      if (call.args[1] > world.last_capability) return fail(call, EINVAL);
      return finish(call, who.drop_bounding(std::uint64_t{1} << call.args[1]));
    case kGetSecure:
      return answer(call, who.secure_bits);
    case kSetSecure:
      return finish(call, who.set_secure_bits(static_cast<unsigned>(call.args[1])));
    case kAmbient:
      return ambient(who, call, world.last_capability);
    case kNoNewPrivileges:
      if (call.args[1] == 1) world.of(call).no_new_privileges = true;
      return Entry::proceed;
    default:
      return Entry::proceed;
  }
}

constexpr Route kRoutes[] = {
    {Sys::capget, get},
    {Sys::capset, set},
    {Sys::prctl, control},
};

}  // namespace

std::span<const Route> capability_routes() { return kRoutes; }

}  // namespace nestp::identity
