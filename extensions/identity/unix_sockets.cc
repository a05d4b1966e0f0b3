#include "extensions/identity/unix_sockets.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string_view>
#include <sys/socket.h>

namespace nestp::identity {
namespace {

// include/net/tcp_states.h
constexpr std::uint8_t kConnected = 1;  // TCP_ESTABLISHED
constexpr std::uint8_t kListens = 10;   // TCP_LISTEN

struct Request {
  nlmsghdr head{};
  unix_diag_req body{};
};

template <typename T>
std::optional<T> take(std::string_view bytes) {
  T object{};
  if (bytes.size() < sizeof object) return std::nullopt;
  std::memcpy(&object, bytes.data(), sizeof object);
  return object;
}

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

/// The attributes behind a unix_diag_msg.
void read_attributes(std::string_view bytes, UnixSocket& socket) {
  while (const auto head = take<rtattr>(bytes)) {
    if (head->rta_len < sizeof *head || head->rta_len > bytes.size()) return;
    const std::string_view value = bytes.substr(sizeof *head, head->rta_len - sizeof *head);
    if (head->rta_type == UNIX_DIAG_NAME) socket.name = value;
    if (head->rta_type == UNIX_DIAG_PEER) socket.peer = take<std::uint32_t>(value).value_or(0);
    bytes.remove_prefix(std::min(aligned(head->rta_len), bytes.size()));
  }
}

}  // namespace

std::optional<UnixSocket> UnixSockets::find(ino_t inode) {
  if (!netlink_) netlink_.reset(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink_) return std::nullopt;
  Request request;
  request.head = {
      .nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST};
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_ino = static_cast<std::uint32_t>(inode);
  request.body.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
  request.body.udiag_cookie[0] = request.body.udiag_cookie[1] = ~0U;  // whichever it is
  if (send(netlink_.get(), &request, sizeof request, 0) != sizeof request) return std::nullopt;
  std::array<char, 1024> room{};
  const ssize_t size = recv(netlink_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (size < 0) return std::nullopt;
  std::string_view answer(room.data(), static_cast<std::size_t>(size));
  const auto head = take<nlmsghdr>(answer);
  if (!head || head->nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  answer.remove_prefix(sizeof *head);
  const auto body = take<unix_diag_msg>(answer);
  if (!body) return std::nullopt;
  UnixSocket found{.listens = body->udiag_state == kListens,
                   .is_connected = body->udiag_state == kConnected};
  read_attributes(answer.substr(sizeof *body), found);
  return found;
}

}  // namespace nestp::identity
