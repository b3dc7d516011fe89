package online.talkandtravel.peer;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.EnumType;
import jakarta.persistence.Enumerated;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.Index;
import jakarta.persistence.Table;
import java.time.LocalDateTime;

@Entity
@Table(name = "events", indexes = @Index(columnList = "chatId, id"))
public class ChatEvent {

    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    private Long id;

    @Column(nullable = false)
    private Long authorId;

    @Column(nullable = false)
    private Long chatId;

    @Enumerated(EnumType.STRING)
    @Column(nullable = false)
    private EventType eventType;

    @Column(nullable = false)
    private LocalDateTime eventTime;

    protected ChatEvent() {
    }

    public ChatEvent(Long authorId, Long chatId, EventType eventType, LocalDateTime eventTime) {
        this.authorId = authorId;
        this.chatId = chatId;
        this.eventType = eventType;
        this.eventTime = eventTime;
    }

    public EventMessage toMessage() {
        return new EventMessage(id, authorId, chatId, eventType, eventTime);
    }
}
