#include "extensions/sysv_ipc/messages.h"

#include <algorithm>
#include <limits>

namespace nestp::sysv_ipc {
namespace {

constexpr std::size_t kLongestMessage = 8192, kRoom = 16384;  // bytes: MSGMAX, MSGMNB
constexpr std::size_t kTypeSize = 8;                          // bytes in front of a text
constexpr int kExcept = 020000, kCopies = 040000;             // MSG_EXCEPT, MSG_COPY

}  // namespace

std::int64_t Messages::get(Call& call) {
  const auto key = static_cast<key_t>(call.args[0]);
  const int flags = static_cast<int>(call.args[1]);
  const auto make = [&]() -> SysResult<Queue> {
    Queue queue{.permission = make_permission(key, flags, owner_), .room = kRoom};
    queue.status.msg_ctime = time(nullptr);
    return queue;
  };
  return queues_.get(key, flags, make, [](const Queue&) { return 0; });
}

std::int64_t Messages::control(Call& call) {
  Queue* const queue = queues_.find(call.args[0]);
  if (queue == nullptr) return -EINVAL;
  switch (command_of(call.args[1])) {
    case IPC_STAT: {
      msqid_ds status = queue->status;
      status.msg_perm = queue->permission;
      status.__msg_cbytes = queue->bytes;
      status.msg_qnum = queue->messages.size();
      status.msg_qbytes = queue->room;
      return give(call, call.args[2], status);
    }
    case IPC_SET: {
      const auto wanted = read_object<msqid_ds>(call, call.args[2]);
      if (!wanted) return -EFAULT;
      if (wanted->msg_qbytes > kRoom) return -EPERM;
      change_permission(queue->permission, wanted->msg_perm);
      queue->room = wanted->msg_qbytes;
      queue->status.msg_ctime = time(nullptr);
      return 0;
    }
    case IPC_RMID:
      queues_.remove(call.args[0]);
      return 0;
    default:
      return -EINVAL;
  }
}

std::optional<std::int64_t> Messages::wait_for(Call& call, int flags, int error) {
  if (flags & IPC_NOWAIT) return -error;
  waiting_.insert(call.thread);
  return std::nullopt;
}

std::optional<std::int64_t> Messages::send(Call& call) {
  const bool has_waited = waiting_.erase(call.thread) != 0;
  const std::size_t size = call.args[2];
  if (size > kLongestMessage) return -EINVAL;
  const auto type = read_object<std::int64_t>(call, call.args[1]);
  std::string text(size, '\0');
  const auto read = call.memory.read(GuestAddress{call.args[1] + kTypeSize},
                                     std::as_writable_bytes(std::span(text)));
  if (!type || !read) return -EFAULT;
  if (*type < 1) return -EINVAL;
  Queue* const queue = queues_.find(call.args[0]);
  if (queue == nullptr) return has_waited ? -EIDRM : -EINVAL;
  const bool is_full = queue->bytes + size > queue->room || queue->messages.size() >= queue->room;
  if (is_full) return wait_for(call, static_cast<int>(call.args[3]), EAGAIN);
  queue->bytes += size;
  queue->messages.push_back({*type, std::move(text)});
  queue->status.msg_lspid = call.process;
  queue->status.msg_stime = time(nullptr);
  return 0;
}

std::deque<Messages::Message>::iterator Messages::find(Queue& queue, std::int64_t type,
                                                       int flags) const {
  auto& messages = queue.messages;
  if (type == 0) return messages.begin();
  if (type > 0) {
    const bool wanted = !(flags & kExcept);
    return std::find_if(messages.begin(), messages.end(),
                        [&](const Message& message) { return (message.type == type) == wanted; });
  }
  // The first one of the lowest type up to the limit.
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const std::int64_t limit = type < -kMost ? kMost : -type;
  auto best = messages.end();
  for (auto each = messages.begin(); each != messages.end(); ++each) {
    if (each->type <= limit && (best == messages.end() || each->type < best->type)) best = each;
  }
  return best;
}

std::optional<std::int64_t> Messages::receive(Call& call) {
  const bool has_waited = waiting_.erase(call.thread) != 0;
  const auto size = static_cast<std::int64_t>(call.args[2]);
  const auto type = static_cast<std::int64_t>(call.args[3]);
  const int flags = static_cast<int>(call.args[4]);
  if (size < 0) return -EINVAL;
  if (flags & kCopies) return -ENOSYS;  // as kernels without checkpoint and restore
  Queue* const queue = queues_.find(call.args[0]);
  if (queue == nullptr) return has_waited ? -EIDRM : -EINVAL;
  const auto found = find(*queue, type, flags);
  if (found == queue->messages.end()) return wait_for(call, flags, ENOMSG);
  const std::size_t shown = std::min(found->text.size(), static_cast<std::size_t>(size));
  if (shown < found->text.size() && !(flags & MSG_NOERROR)) return -E2BIG;
  const auto text = std::as_bytes(std::span(found->text.data(), shown));
  const bool written = give(call, call.args[1], found->type) == 0 &&
                       call.memory.write(GuestAddress{call.args[1] + kTypeSize}, text);
  queue->bytes -= found->text.size();
  queue->messages.erase(found);  // gone in any case, as ipc/msg.c has it
  queue->status.msg_lrpid = call.process;
  queue->status.msg_rtime = time(nullptr);
  if (!written) return -EFAULT;
  return static_cast<std::int64_t>(shown);
}

}  // namespace nestp::sysv_ipc
