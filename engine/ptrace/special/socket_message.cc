// Calls whose addresses lie in a struct msghdr, or in a vector of them.
//
// One header is copied and the copy passed; a vector, which may be longer than
// the scratch room and which the kernel writes into, has its names replaced in
// place until the call ends.  Control messages and data are not looked at.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/ptrace/special/socket_address.h"
#include "engine/ptrace/special/socket_call.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

constexpr std::size_t kMostMessages = 1024;  // UIO_MAXIOV

/// struct msghdr and struct mmsghdr: offsets and sizes in bytes.
struct MessageLayout {
  std::size_t word;
  std::size_t name_length;     ///< an int; the name's address is at 0
  std::size_t control_length;  ///< a word
  std::size_t flags;           ///< an int
  std::size_t size;
  std::size_t stride;  ///< of a vector's elements: the count of bytes lies behind
};
constexpr MessageLayout kLayout64 = {8, 8, 40, 48, 56, 64};
constexpr MessageLayout kLayout32 = {4, 4, 20, 24, 28, 32};

const MessageLayout& layout_of(const CallFrame& frame) {
  return frame.abi().word_size == 8 ? kLayout64 : kLayout32;
}

/// One header among bytes read from the guest.
class Header {
 public:
  Header(const MessageLayout& layout, char* bytes) : layout_(layout), bytes_(bytes) {}

  std::uint64_t name() const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_, layout_.word);
    return value;
  }
  std::int32_t name_length() const {
    std::int32_t value = 0;
    std::memcpy(&value, bytes_ + layout_.name_length, sizeof value);
    return value;
  }
  void set_name(std::uint64_t address) { std::memcpy(bytes_, &address, layout_.word); }
  void set_name_length(std::size_t length) {
    const auto value = static_cast<std::int32_t>(length);
    std::memcpy(bytes_ + layout_.name_length, &value, sizeof value);
  }

 private:
  const MessageLayout& layout_;
  char* bytes_;
};

SysResult<> write_bytes(CallFrame& frame, GuestAddress at, std::string_view bytes) {
  return frame.memory().write(at, std::as_bytes(std::span(bytes.data(), bytes.size())));
}

/// Puts the address that the kernel left at `scratch` where the guest wants its name, of
/// which `room` bytes may be written.  Its whole length is the result.
SysResult<std::size_t> deliver_name(CallFrame& frame, GuestAddress scratch, std::int32_t length,
                                    GuestAddress buffer, std::int32_t room) {
  std::string address(std::min(static_cast<std::size_t>(std::max(length, 0)), kAddressRoom), '\0');
  const auto read = frame.memory().read(scratch, std::as_writable_bytes(std::span(address)));
  if (!read) return read.error();
  address = address_to_guest(frame, address);
  const std::size_t shown = std::min(address.size(), static_cast<std::size_t>(std::max(room, 0)));
  if (shown != 0) {
    const auto written = write_bytes(frame, buffer, std::string_view(address).substr(0, shown));
    if (!written) return written.error();
  }
  return address.size();
}

// ---- one message ------------------------------------------------------------------

void send_message(CallFrame& frame, SocketCall call) {
  const MessageLayout& layout = layout_of(frame);
  std::string bytes(layout.size, '\0');
  if (!frame.memory().read(call.address(1), std::as_writable_bytes(std::span(bytes)))) return;
  Header header(layout, bytes.data());
  const auto address =
      address_to_kernel(frame, GuestAddress{header.name()},
                        static_cast<std::uint64_t>(header.name_length()), AddressUse::reach);
  if (!address) return frame.fail(address.error());
  if (!*address) return;
  header.set_name(frame.place(**address));
  header.set_name_length((*address)->size());
  call.args[1] = frame.place(bytes);
  apply(frame, call);
}

/// What the kernel wrote into the copy of a header goes into the guest's own.
SysResult<> finish_receive(CallFrame& frame, GuestAddress copy, GuestAddress guest,
                           const std::string& before) {
  const MessageLayout& layout = layout_of(frame);
  std::string bytes(layout.size, '\0');
  const auto read = frame.memory().read(copy, std::as_writable_bytes(std::span(bytes)));
  if (!read) return read.error();
  std::string own = before;
  Header header(layout, own.data());
  const Header filled(layout, bytes.data());
  const auto length = deliver_name(frame, GuestAddress{filled.name()}, filled.name_length(),
                                   GuestAddress{header.name()}, header.name_length());
  if (!length) return length.error();
  header.set_name_length(*length);
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(layout.control_length), layout.word,
              own.begin() + static_cast<std::ptrdiff_t>(layout.control_length));
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(layout.flags), sizeof(std::int32_t),
              own.begin() + static_cast<std::ptrdiff_t>(layout.flags));
  return write_bytes(frame, guest, own);
}

void receive_message(CallFrame& frame, SocketCall call) {
  const MessageLayout& layout = layout_of(frame);
  std::string bytes(layout.size, '\0');
  if (!frame.memory().read(call.address(1), std::as_writable_bytes(std::span(bytes)))) return;
  const std::string before = bytes;
  Header header(layout, bytes.data());
  if (header.name() == 0 || header.name_length() < 0 || has_no_paths(frame, call)) return;
  header.set_name(frame.place(std::string(kAddressRoom, '\0')));
  header.set_name_length(kAddressRoom);
  const GuestAddress guest = call.address(1);
  call.args[1] = frame.place(bytes);
  const GuestAddress copy = call.address(1);
  apply(frame, call);
  frame.at_exit([copy, guest, before](CallFrame& exit) {
    if (exit.result() < 0) return;
    const auto done = finish_receive(exit, copy, guest, before);
    if (!done) exit.set_result(-done.error().code());
  });
}

// ---- vectors ----------------------------------------------------------------------

/// The messages of a vector whose names were replaced in place.
struct Vector {
  struct Change {
    std::size_t index;
    std::uint64_t name;  ///< the guest's own, as the length
    std::int32_t name_length;
  };
  GuestAddress at{};
  std::string bytes;
  std::vector<Change> changes;
};

Vector read_vector(CallFrame& frame, const SocketCall& call) {
  const MessageLayout& layout = layout_of(frame);
  const auto count = std::min<std::size_t>(static_cast<std::uint32_t>(call.args[2]), kMostMessages);
  Vector vector{
      .at = call.address(1), .bytes = std::string(count * layout.stride, '\0'), .changes = {}};
  const std::size_t read =
      frame.memory().read_some(vector.at, std::as_writable_bytes(std::span(vector.bytes)));
  vector.bytes.resize(read - read % layout.stride);
  return vector;
}

/// The guest's names again; those of the first `received` get what the kernel put in.
SysResult<> restore_vector(CallFrame& frame, const Vector& vector, std::int64_t received) {
  const MessageLayout& layout = layout_of(frame);
  std::string bytes(vector.bytes.size(), '\0');
  const auto read = frame.memory().read(vector.at, std::as_writable_bytes(std::span(bytes)));
  if (!read) return read.error();
  for (const Vector::Change& change : vector.changes) {
    Header header(layout, bytes.data() + change.index * layout.stride);
    const GuestAddress scratch{header.name()};
    const std::int32_t length = header.name_length();
    header.set_name(change.name);
    header.set_name_length(static_cast<std::size_t>(change.name_length));
    if (static_cast<std::int64_t>(change.index) >= received) continue;
    const auto whole =
        deliver_name(frame, scratch, length, GuestAddress{change.name}, change.name_length);
    if (!whole) return whole.error();
    header.set_name_length(*whole);
  }
  return write_bytes(frame, vector.at, bytes);
}

/// Passes the vector on, of which the first `count` messages are ready.
void pass_vector(CallFrame& frame, SocketCall call, Vector vector, std::size_t count,
                 bool receives) {
  if (count < static_cast<std::uint32_t>(call.args[2])) call.args[2] = count;
  if (!vector.changes.empty() && !write_bytes(frame, vector.at, vector.bytes)) {
    return frame.fail(Errno(EFAULT));  // the kernel must write there too
  }
  apply(frame, call);
  if (vector.changes.empty()) return;
  frame.at_exit([vector = std::move(vector), receives](CallFrame& exit) {
    const auto done = restore_vector(exit, vector, receives ? exit.result() : 0);
    if (!done && exit.result() >= 0) exit.set_result(-done.error().code());
  });
}

/// Address of `address` in the scratch room, where equal ones lie once; 0 if it is full.
std::uint64_t place_once(CallFrame& frame, const std::string& address,
                         std::vector<std::pair<std::string, std::uint64_t>>& placed) {
  for (const auto& [bytes, at] : placed) {
    if (bytes == address) return at;
  }
  const std::uint64_t at = frame.place(address);
  if (at != 0) placed.emplace_back(address, at);
  return at;
}

void send_messages(CallFrame& frame, SocketCall call) {
  const MessageLayout& layout = layout_of(frame);
  Vector vector = read_vector(frame, call);
  const std::size_t count = vector.bytes.size() / layout.stride;
  std::vector<std::pair<std::string, std::uint64_t>> placed;
  for (std::size_t i = 0; i < count; ++i) {
    Header header(layout, vector.bytes.data() + i * layout.stride);
    const auto address =
        address_to_kernel(frame, GuestAddress{header.name()},
                          static_cast<std::uint64_t>(header.name_length()), AddressUse::reach);
    if (!address) {
      // The error is the first message's, or that of the next call.
      if (i == 0) return frame.fail(address.error());
      return pass_vector(frame, call, std::move(vector), i, false);
    }
    if (!*address) continue;
    const std::uint64_t at = place_once(frame, **address, placed);
    if (at == 0) return pass_vector(frame, call, std::move(vector), i, false);
    vector.changes.push_back({i, header.name(), header.name_length()});
    header.set_name(at);
    header.set_name_length((*address)->size());
  }
  if (!vector.changes.empty()) {
    pass_vector(frame, call, std::move(vector), static_cast<std::uint32_t>(call.args[2]), false);
  }
}

void receive_messages(CallFrame& frame, SocketCall call) {
  const MessageLayout& layout = layout_of(frame);
  Vector vector = read_vector(frame, call);
  const std::size_t count = vector.bytes.size() / layout.stride;
  const std::string room(kAddressRoom, '\0');
  std::size_t ready = static_cast<std::uint32_t>(call.args[2]);
  for (std::size_t i = 0; i < count; ++i) {
    Header header(layout, vector.bytes.data() + i * layout.stride);
    if (header.name() == 0 || header.name_length() < 0) continue;
    if (vector.changes.empty() && has_no_paths(frame, call)) return;
    const std::uint64_t at = frame.place(room);
    if (at == 0) {
      ready = i;
      break;
    }
    vector.changes.push_back({i, header.name(), header.name_length()});
    header.set_name(at);
    header.set_name_length(kAddressRoom);
  }
  if (!vector.changes.empty()) pass_vector(frame, call, std::move(vector), ready, true);
}

}  // namespace

void translate_message_call(CallFrame& frame, SocketCall call) {
  switch (call.sys) {  // NOLINT: only rows with a message come here
    case Sys::sendmsg:
      return send_message(frame, call);
    case Sys::recvmsg:
      return receive_message(frame, call);
    case Sys::sendmmsg:
      return send_messages(frame, call);
    case Sys::recvmmsg:
    case Sys::recvmmsg_time64:
      return receive_messages(frame, call);
    default:
      return;
  }
}

}  // namespace nestp
