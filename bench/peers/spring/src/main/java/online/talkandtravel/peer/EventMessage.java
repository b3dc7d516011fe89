package online.talkandtravel.peer;

import java.time.LocalDateTime;

public record EventMessage(Long id, Long authorId, Long chatId, EventType eventType, LocalDateTime eventTime) {
}
