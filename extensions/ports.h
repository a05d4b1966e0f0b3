// Ports of the guest that are others on the host: -p IN:OUT and --netcoop.
//
// A guest that binds IN gets OUT; one that reaches out for IN on this machine
// reaches OUT; and whatever tells of OUT on this machine tells the guest of IN.
// Other machines keep their ports.  Both families, all protocols alike.
//
// By --netcoop a port that the host refuses to the guest, because somebody has it
// or it takes privilege, becomes a free one.  A port that a guest of this session
// has is taken for the others, as it should be.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/extension.h"
#include "extensions/inet_address.h"

namespace nestp {

/// A port as the guest knows it, and as the host does.
struct PortPair {
  std::uint16_t guest = 0, host = 0;
  friend bool operator==(const PortPair&, const PortPair&) = default;
};

class Ports final : public Extension {
 public:
  using Finder = std::function<std::uint16_t()>;
  /// `find_free`: what a refused port becomes; null: it stays refused.
  Ports(const std::vector<PortPair>& pairs, Finder find_free);

  std::string_view name() const override { return find_free_ ? "--netcoop" : "-p"; }
  SysSet entries() const override;
  Entry on_entry(Call& call) override;
  void on_exit(Call& call) override;
  void on_thread_end(pid_t thread) override { under_way_.erase(thread); }

 private:
  /// A buffer that the kernel fills with an address, or a changed name in a vector of messages.
  struct Name {
    std::uint64_t at = 0;      ///< the guest's own buffer
    std::uint64_t length = 0;  ///< where its length stands
    std::int32_t room = 0;     ///< what stood there before
  };
  struct UnderWay {
    Sys sys = Sys::unknown;
    std::vector<Name> taken;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> changed;  ///< places and words before
    std::uint16_t bound = 0;                                       ///< the guest's port
    std::uint16_t tried = 0;                                       ///< the host's
    int attempts = 0;
  };

  std::string read_address(Call& call, std::uint64_t at, std::uint64_t size) const;
  /// The guest's address at `at` with the host's port, placed; 0: it stays.
  std::uint64_t replacement(Call& call, std::uint64_t at, std::uint64_t size);
  void bind(Call& call);
  void pass(Call& call, std::size_t index);
  void send_message(Call& call);
  void send_messages(Call& call);
  void take(Call& call, std::size_t index);
  void take_messages(Call& call, std::size_t count);
  void after_bind(Call& call, UnderWay& state);
  void show_guest_port(Call& call, const Name& name, bool is_own) const;
  void add(PortPair pair);

  Finder find_free_;
  mutable LocalAddresses local_;
  std::unordered_map<std::uint16_t, std::uint16_t> to_host_, to_guest_;
  std::unordered_map<pid_t, UnderWay> under_way_;
};

}  // namespace nestp
