package online.talkandtravel.peer;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

@Service
public class EventService {

    private final ChatEventRepository events;
    private final MembershipRepository memberships;

    public EventService(ChatEventRepository events, MembershipRepository memberships) {
        this.events = events;
        this.memberships = memberships;
    }

    @Transactional
    public EventMessage join(EventRequest request) {
        if (memberships.existsByUserIdAndChatId(request.authorId(), request.chatId())) {
            throw new IllegalStateException("User %d has already joined chat %d"
                    .formatted(request.authorId(), request.chatId()));
        }
        memberships.save(new Membership(request.authorId(), request.chatId()));
        return store(request, EventType.JOIN);
    }

    @Transactional
    public EventMessage leave(EventRequest request) {
        if (memberships.deleteByUserIdAndChatId(request.authorId(), request.chatId()) == 0) {
            throw new IllegalStateException("User %d has not joined chat %d"
                    .formatted(request.authorId(), request.chatId()));
        }
        return store(request, EventType.LEAVE);
    }

    @Transactional
    public EventMessage type(EventRequest request, EventType type) {
        return store(request, type);
    }

    private EventMessage store(EventRequest request, EventType type) {
        var now = LocalDateTime.now(ZoneOffset.UTC);
        return events.save(new ChatEvent(request.authorId(), request.chatId(), type, now)).toMessage();
    }
}
