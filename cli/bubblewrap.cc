#include "cli/bubblewrap.h"

#include <algorithm>
#include <array>
#include <unistd.h>

#include "cli/bubblewrap_rows.h"
#include "cli/capabilities.h"

namespace nestp {
namespace {

using bubblewrap::find_row;
using bubblewrap::number_in;
using bubblewrap::Row;
using bubblewrap::State;
using Kind = MountAct::Kind;

/// --args FD: words that end in NULs.
Result<std::vector<std::string>> words_from(const std::string& text) {
  const auto descriptor = number_in(text);
  if (!descriptor) return descriptor.error();
  std::string all;
  std::array<char, 4096> block;
  ssize_t got = 0;
  while ((got = ::read(static_cast<int>(*descriptor), block.data(), block.size())) > 0)
    all.append(block.data(), static_cast<std::size_t>(got));
  std::vector<std::string> words;
  for (std::size_t start = 0; start < all.size();) {
    const std::size_t end = std::min(all.find('\0', start), all.size());
    words.push_back(all.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

Result<> parse_into(State& state, std::span<const std::string> words, bool may_end) {
  std::size_t next = 0;
  while (next < words.size()) {
    const std::string& word = words[next];
    if (may_end && (word == "--" || !word.starts_with("--"))) break;
    ++next;
    const std::string what = "option '" + word + "' of bubblewrap";
    const bool is_list = word == "--args";
    const Row* const row = find_row(word);
    if (row == nullptr && !is_list) return Error{what + " is unknown"};
    const std::size_t values = is_list ? 1 : row->values;
    if (words.size() - next < values)
      return Error{what + " needs " + std::to_string(values) + " more words"};
    if (is_list) {
      const auto more = words_from(words[next]);
      if (!more) return more.error().in(what);
      if (auto done = parse_into(state, *more, false); !done) return done;
    } else if (row->apply == nullptr) {
      return Error{what +
                   " is not understood in-process; --backend-command bwrap runs bubblewrap itself"};
    } else if (const auto done = row->apply(state, words.subspan(next, values)); !done) {
      return done.error().in(what);
    }
    next += values;
  }
  if (next < words.size() && words[next] == "--") ++next;
  state.request.command.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
  return Done{};
}

/// A binding that says the same, if there is one.
std::optional<RequestedBinding> as_binding(const MountAct& act) {
  if (act.kind == Kind::bind && act.descriptor < 0 && act.recursive && act.flags == 0) {
    return RequestedBinding{.host = act.host,
                            .guest = act.guest,
                            .kind = act.read_only ? RequestedBinding::Kind::read_only
                                                  : RequestedBinding::Kind::read_write,
                            .optional = act.optional};
  }
  if (act.kind == Kind::tmpfs && !act.mode && act.size == 0) {
    return RequestedBinding{.guest = act.guest, .kind = RequestedBinding::Kind::temporary};
  }
  return std::nullopt;
}

bool is_at_or_below(const std::string& path, const std::string& above) {
  return path == above || path.starts_with(above + "/") || above == "/";
}

/// Options that need or exclude each other, as in bubblewrap.
Result<> check(const Isolation& isolation) {
  const Join& join = isolation.join;
  const Watch& watch = isolation.watch;
  const bool own_user = isolation.user || (::geteuid() != 0 && join.user < 0);
  if (isolation.user && join.user >= 0) return Error{"--userns excludes --unshare-user"};
  if (join.user_later >= 0 && join.user < 0) return Error{"--userns2 needs --userns"};
  if (join.pid >= 0 && isolation.pid) return Error{"--pidns excludes --unshare-pid"};
  if (isolation.first_is_init && !isolation.pid) return Error{"--as-pid-1 needs --unshare-pid"};
  if (isolation.first_is_init && !watch.locks.empty()) {
    return Error{"--as-pid-1 excludes --lock-file, which another process has to hold"};
  }
  if (watch.block_ids >= 0 && (watch.info < 0 || !own_user)) {
    return Error{"--userns-block-fd needs --unshare-user and --info-fd"};
  }
  if (isolation.forbid_user_namespaces && !own_user && join.user < 0) {
    return Error{"--disable-userns needs --unshare-user"};
  }
  return Done{};
}

}  // namespace

Result<BubblewrapRequest> parse_bubblewrap(std::span<const std::string> words) {
  State state;
  if (const auto done = parse_into(state, words, true); !done) return done.error();
  Isolation& isolation = state.request.isolation;
  if (state.share_net) isolation.net = false;
  // Whoever is root without it keeps what root has.
  if (::geteuid() != 0 || state.capabilities_given) isolation.capabilities = state.capabilities;
  if (const auto done = check(isolation); !done) return done.error();
  if (isolation.forbid_user_namespaces) {
    // Whoever has it may raise the limit again.
    isolation.capabilities =
        isolation.capabilities.value_or(~std::uint64_t{0}) & ~*capability_bits("SYS_RESOURCE");
  }
  return std::move(state.request);
}

void move_to_bindings(Request& request) {
  std::vector<RequestedBinding> bindings;
  std::vector<MountAct> left;
  for (const MountAct& act : request.isolation.mounts) {
    const auto touches = [&act](const MountAct& other) {
      return is_at_or_below(act.guest, other.guest) || is_at_or_below(other.guest, act.guest);
    };
    const auto binding = as_binding(act);
    if (!binding || std::ranges::any_of(left, touches)) {
      left.push_back(act);
      continue;
    }
    // A later mount covers what is at or below its place.
    std::erase_if(bindings, [&act](const RequestedBinding& other) {
      return is_at_or_below(other.guest, act.guest);
    });
    bindings.push_back(*binding);
  }
  request.isolation.mounts = std::move(left);
  request.bindings.insert(request.bindings.begin(), bindings.begin(), bindings.end());
}

}  // namespace nestp
